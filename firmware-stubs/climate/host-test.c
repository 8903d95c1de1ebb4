/* Tests of the parts that build for any machine; exits 1 at the first failure and says where. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "payload.h"
#include "window.h"

#define CHECK(condition)                                                  \
  do {                                                                    \
    if (!(condition)) {                                                   \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);     \
      exit(1);                                                            \
    }                                                                     \
  } while (0)

/* The number of the next reading to send again, or 0. */
static uint32_t due(struct window *window, uint32_t now) {
  const struct reading *reading = window_due(window, now);
  return reading ? reading->number : 0;
}

static void keeps_what_is_not_acknowledged(void) {
  struct window window = {.count = 0};
  for (uint32_t i = 1; i <= FRAMES_KEPT; i++) CHECK(window_add(&window, 0, 0, 1000 * i)->number == i);
  CHECK(window.count == FRAMES_KEPT && window.lost == 0);
  window_add(&window, 0, 0, 1000 * (FRAMES_KEPT + 1));
  CHECK(window.count == FRAMES_KEPT && window.lost == 1 && window.kept[0].number == 2);

  window_acknowledge(&window, 4);
  window_acknowledge(&window, 4);
  window_acknowledge(&window, 1);
  CHECK(window.count == FRAMES_KEPT - 1 && window.kept[1].number == 3 && window.kept[2].number == 5);
  for (uint32_t number = 2; number <= FRAMES_KEPT + 1; number++) window_acknowledge(&window, number);
  CHECK(window.count == 0 && window.lost == 1);
}

static void gives_up_what_the_gateway_would_take_for_a_repeat(void) {
  struct window window = {.count = 0};
  window_add(&window, 0, 0, 0);
  for (uint32_t number = 2; number <= FRAMES_REACH; number++) {
    window_add(&window, 0, 0, 0);
    window_acknowledge(&window, number);
  }
  CHECK(window.count == 1 && window.kept[0].number == 1 && window.lost == 0);
  window_add(&window, 0, 0, 0);
  CHECK(window.count == 1 && window.kept[0].number == FRAMES_REACH + 1 && window.lost == 1);
}

static void sends_again_what_has_waited(void) {
  struct window window = {.count = 0};
  CHECK(due(&window, 100000) == 0);
  for (uint32_t i = 1; i <= 3; i++) window_add(&window, 0, 0, 100000 + 1000 * i);
  CHECK(due(&window, 101000 + RESEND_MS - 1) == 0);
  CHECK(due(&window, 102000 + RESEND_MS) == 1);
  CHECK(due(&window, 102000 + RESEND_MS) == 2);
  CHECK(due(&window, 102000 + RESEND_MS) == 0); /* 3 has not waited yet */
}

static void rounds_without_an_answer_grow_apart(void) {
  struct window window = {.count = 0};
  window_add(&window, 0, 0, 0);
  uint32_t now = 0, last = 0;
  uint32_t expected[] = {RESEND_MS, 2 * RESEND_MS, 4 * RESEND_MS, 8 * RESEND_MS, RESEND_MAX_MS, RESEND_MAX_MS};
  for (uint8_t round = 0; round < 6; round++) {
    while (due(&window, ++now) == 0) {}
    CHECK(now - last == expected[round]);
    CHECK(due(&window, now) == 0);
    last = now;
  }
  window_add(&window, 0, 0, now);
  window_acknowledge(&window, 2);
  CHECK(due(&window, now + RESEND_MS - 1) == 0);
  CHECK(due(&window, now + RESEND_MS) == 1);
}

static void goes_on_when_the_clock_begins_again(void) {
  struct window window = {.round_at_ms = UINT32_MAX - 50000};
  window_add(&window, 0, 0, UINT32_MAX - 7);
  CHECK(due(&window, 8) == 0);
  CHECK(due(&window, RESEND_MS - 8) == 1);
}

static void expect_payload(const char *expected, struct reading reading, uint32_t lost, bool again, uint32_t now) {
  uint8_t out[FRAME_SIZE(PAYLOAD_MAX)];
  struct frame_head head = {.type = FRAME_READING, .boot = 0x01010101, .number = 0x01010101};
  struct frame_writer writer;
  frame_begin(&writer, out, sizeof out, &head);
  payload_write(&writer, "mc-1", &reading, lost, again, now);
  uint16_t length = frame_end(&writer) - 2 - FRAME_HEAD_BYTES - FRAME_CRC_BYTES - 1;
  /* With no zero in it a frame is its own bytes, behind one zero and one length. */
  const char *payload = (const char *)out + 2 + FRAME_HEAD_BYTES;
  if (strlen(expected) != length || memcmp(payload, expected, length) != 0) fprintf(stderr, "%.*s\n", length, payload);
  CHECK(strlen(expected) == length && memcmp(payload, expected, length) == 0);
}

static void payloads(void) {
  struct reading reading = {.number = 17, .taken_at_ms = 5000, .temperature = 2140, .humidity = 4805};
#define HEAD "{\"device\":\"mc-1\",\"values\":"
  expect_payload(HEAD "{\"temperature\":21.40,\"humidity\":48.05}}", reading, 0, false, 5000);
  expect_payload(HEAD "{\"temperature\":21.40,\"humidity\":48.05},\"ts\":5000,\"sentAt\":7000}", reading, 0, true, 7000);
  expect_payload(HEAD "{\"temperature\":21.40,\"humidity\":48.05},\"lost\":3}", reading, 3, true, 100);
  reading = (struct reading){.number = 17, .temperature = ALARM_FROM_CENTI_C, .humidity = -7};
  expect_payload(HEAD "{\"temperature\":60.00,\"humidity\":-0.07},\"alarm\":true}", reading, 0, false, 0);
}

static void longest_payload(void) {
  char device[DEVICE_ID_MAX + 1] = {0};
  memset(device, 'x', DEVICE_ID_MAX);
  uint8_t out[FRAME_SIZE(PAYLOAD_MAX)];
  struct frame_head head = {.type = FRAME_READING, .boot = UINT32_MAX, .number = UINT32_MAX};
  struct reading reading = {.taken_at_ms = UINT32_MAX, .temperature = INT16_MAX, .humidity = INT16_MIN};
  struct frame_writer writer;
  frame_begin(&writer, out, sizeof out, &head);
  payload_write(&writer, device, &reading, UINT32_MAX, true, UINT32_MAX);
  CHECK(frame_end(&writer) > 0);
}

int main(void) {
  keeps_what_is_not_acknowledged();
  gives_up_what_the_gateway_would_take_for_a_repeat();
  sends_again_what_has_waited();
  rounds_without_an_answer_grow_apart();
  goes_on_when_the_clock_begins_again();
  payloads();
  longest_payload();
  return 0;
}
