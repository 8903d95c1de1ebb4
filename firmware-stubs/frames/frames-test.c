/* Tests of the frame library; exits 1 at the first failure and says where. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crc16.h"
#include "frame.h"

#define CHECK(condition)                                              \
  do {                                                                \
    if (!(condition)) {                                               \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      exit(1);                                                        \
    }                                                                 \
  } while (0)

#define PAYLOAD "{\"device\":\"mc-1\",\"values\":{\"temperature\":21.40,\"humidity\":48.20}}"

/* The examples of docs/reference/serial-frames.md. */
static const uint8_t reading[] =
    "\x00\x06\x11\xa1\xb2\xc3\xd4\x01\x01\x45\x11" PAYLOAD "\x6d\x6b";
static const uint8_t acknowledgement[] = "\x00\x06\x12\xa1\xb2\xc3\xd4\x01\x01\x04\x11\xe9\x96";

static const struct frame_head head = {.type = FRAME_READING, .boot = 0xa1b2c3d4, .number = 17};

static uint16_t write_frame(uint8_t *out, uint16_t size, const struct frame_head *its, const void *payload, uint16_t length) {
  struct frame_writer writer;
  frame_begin(&writer, out, size, its);
  for (uint16_t i = 0; i < length; i++) frame_put(&writer, ((const uint8_t *)payload)[i]);
  return frame_end(&writer);
}

/* How many frames are in the bytes; the last of them is left in *frame. */
static int read_frames(struct frame_reader *reader, const uint8_t *bytes, uint16_t length, struct frame *frame) {
  int count = 0;
  for (uint16_t i = 0; i < length; i++) count += frame_read(reader, bytes[i], frame);
  return count;
}

static void checksum(void) {
  uint16_t crc = CRC16_START;
  for (const char *at = "123456789"; *at; at++) crc = crc16_add(crc, *at);
  CHECK(crc16_end(crc) == 0x906e);
}

static void examples(void) {
  uint8_t out[FRAME_SIZE(sizeof PAYLOAD)];
  /* The zero that ends a string in C is the one that ends the frame. */
  CHECK(write_frame(out, sizeof out, &head, PAYLOAD, strlen(PAYLOAD)) == sizeof reading);
  CHECK(memcmp(out, reading, sizeof reading) == 0);
  struct frame_head answer = head;
  answer.type = FRAME_ACKNOWLEDGEMENT;
  CHECK(write_frame(out, sizeof out, &answer, NULL, 0) == sizeof acknowledgement);
  CHECK(memcmp(out, acknowledgement, sizeof acknowledgement) == 0);

  uint8_t buffer[100];
  struct frame_reader reader = {.bytes = buffer, .size = sizeof buffer};
  struct frame frame;
  CHECK(read_frames(&reader, reading, sizeof reading, &frame) == 1);
  CHECK(frame.head.type == FRAME_READING && frame.head.boot == 0xa1b2c3d4 && frame.head.number == 17);
  CHECK(frame.length == strlen(PAYLOAD) && memcmp(frame.payload, PAYLOAD, frame.length) == 0);
}

static void payloads_of_all_lengths(void) {
  static uint8_t payload[600], out[FRAME_SIZE(sizeof payload)], buffer[sizeof out];
  struct frame_reader reader = {.bytes = buffer, .size = sizeof buffer};
  for (uint16_t length = 0; length <= sizeof payload; length++) {
    for (uint16_t every = 1; every < 600; every += 53) {
      for (uint16_t i = 0; i < length; i++) payload[i] = i % every == every - 1 ? 0 : 1 + i % 255;
      uint16_t written = write_frame(out, FRAME_SIZE(length), &head, payload, length);
      CHECK(written > 0 && out[0] == 0 && memchr(out + 1, 0, written - 1) == out + written - 1);
      struct frame frame;
      CHECK(read_frames(&reader, out, written, &frame) == 1);
      CHECK(frame.length == length && memcmp(frame.payload, payload, length) == 0);
    }
  }
}

static void buffers_that_are_too_small(void) {
  uint8_t out[sizeof reading + 1];
  for (uint16_t size = 3; size < sizeof reading; size++) {
    out[size] = 0xee;
    CHECK(write_frame(out, size, &head, PAYLOAD, strlen(PAYLOAD)) == 0);
    CHECK(out[size] == 0xee);
  }
  uint8_t buffer[sizeof acknowledgement - 2];
  struct frame_reader reader = {.bytes = buffer, .size = sizeof buffer};
  struct frame frame;
  CHECK(read_frames(&reader, reading, sizeof reading, &frame) == 0);
  CHECK(read_frames(&reader, acknowledgement, sizeof acknowledgement, &frame) == 1);
}

static void damage(void) {
  uint8_t buffer[100];
  struct frame_reader reader = {.bytes = buffer, .size = sizeof buffer};
  struct frame frame;
  for (uint16_t bit = 8; bit < (sizeof reading - 1) * 8; bit++) {
    uint8_t wire[sizeof reading];
    memcpy(wire, reading, sizeof wire);
    wire[bit / 8] ^= 1 << bit % 8;
    CHECK(read_frames(&reader, wire, sizeof wire, &frame) == 0);
  }
  for (uint16_t half = 0; half < sizeof reading - 1; half++) {
    CHECK(read_frames(&reader, reading, half, &frame) == 0);
    CHECK(read_frames(&reader, acknowledgement, sizeof acknowledgement, &frame) == 1);
    CHECK(frame.head.type == FRAME_ACKNOWLEDGEMENT);
  }
  uint8_t unknown[20];
  struct frame_head other = {.type = 0x21, .boot = 1, .number = 1};
  CHECK(read_frames(&reader, unknown, write_frame(unknown, sizeof unknown, &other, NULL, 0), &frame) == 0);
  other = (struct frame_head){.type = FRAME_READING, .boot = 1, .number = 0};
  CHECK(read_frames(&reader, unknown, write_frame(unknown, sizeof unknown, &other, NULL, 0), &frame) == 0);
}

int main(void) {
  checksum();
  examples();
  payloads_of_all_lengths();
  buffers_that_are_too_small();
  damage();
  return 0;
}
