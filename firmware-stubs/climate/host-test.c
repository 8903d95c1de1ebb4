/* Tests of the parts that build for any machine; exits 1 at the first failure and says where. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ack.h"
#include "frames.h"
#include "line.h"

#define BOOT "a1b2c3d4"

#define CHECK(condition)                                                  \
  do {                                                                    \
    if (!(condition)) {                                                   \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);     \
      exit(1);                                                            \
    }                                                                     \
  } while (0)

/* The number of the last answer in `bytes` that was taken, or 0. */
static uint32_t answer(const char *bytes) {
  struct ack_reader reader = {.length = 0};
  uint32_t n = 0, taken = 0;
  for (; *bytes; bytes++) {
    if (ack_read(&reader, *bytes, BOOT, &n)) taken = n;
  }
  return taken;
}

static void answers(void) {
  CHECK(answer("ACK " BOOT " 17\n") == 17);
  CHECK(answer("ACK " BOOT " 17\r\n") == 17);
  CHECK(answer("ACK " BOOT " 4294967295\n") == 4294967295u);
  CHECK(answer("ACK " BOOT " 4294967295\r\n") == 4294967295u);
  CHECK(answer("ACK " BOOT " 4294967296\n") == 0);
  CHECK(answer("ACK " BOOT " 00000000017\n") == 17);
  CHECK(answer("ACK " BOOT " 0000000000017\n") == 0);
  CHECK(answer("ACK 00000000 17\n") == 0);
  CHECK(answer("ACK " BOOT " \n") == 0);
  CHECK(answer("ACK " BOOT " 1x\n") == 0);
  CHECK(answer("ACK " BOOT "17\n") == 0);
  CHECK(answer("\n\nACK\nack " BOOT " 1\n") == 0);
  CHECK(answer("noise without an end ACK " BOOT " 1\nACK " BOOT " 2\n") == 2);
}

static void unacknowledged_frames(void) {
  struct frames frames = {.count = 0};
  CHECK(!frames_overdue(&frames, 100000));
  for (uint32_t i = 1; i <= FRAMES_KEPT; i++) CHECK(frames_add(&frames, 0, 0, 1000 * i)->n == i);
  CHECK(frames.count == FRAMES_KEPT && frames.lost == 0);

  frames_add(&frames, 0, 0, 9000);
  CHECK(frames.count == FRAMES_KEPT && frames.lost == 1 && frames.kept[0].n == 2);
  CHECK(!frames_overdue(&frames, 2000 + RESEND_MS - 1));
  CHECK(frames_overdue(&frames, 2000 + RESEND_MS));

  frames_acknowledge(&frames, 4);
  frames_acknowledge(&frames, 4);
  frames_acknowledge(&frames, 1);
  CHECK(frames.count == FRAMES_KEPT - 1 && frames.kept[1].n == 3 && frames.kept[2].n == 5);
  for (uint32_t n = 2; n <= 9; n++) frames_acknowledge(&frames, n);
  CHECK(frames.count == 0 && frames.lost == 1);
}

static void overdue_when_the_clock_begins_again(void) {
  struct frames frames = {.count = 0};
  frames_add(&frames, 0, 0, UINT32_MAX - 7);
  CHECK(!frames_overdue(&frames, 8));
  CHECK(frames_overdue(&frames, RESEND_MS - 8));
}

static void expect_line(const char *expected, struct frame frame, uint32_t lost, uint32_t now) {
  char out[LINE_MAX + 1];
  out[line_format(out, "mc-1", BOOT, &frame, lost, now)] = '\0';
  if (strcmp(out, expected) != 0) fprintf(stderr, "%s", out);
  CHECK(strcmp(out, expected) == 0);
}

static void lines(void) {
  struct frame frame = {.n = 17, .taken_at_ms = 5000, .temperature = 2140, .humidity = 4805};
#define HEAD "{\"device\":\"mc-1\",\"boot\":\"" BOOT "\",\"n\":17,\"values\":"
  expect_line(HEAD "{\"temperature\":21.40,\"humidity\":48.05}}\n", frame, 0, 5000);
  frame.resent = true;
  expect_line(HEAD "{\"temperature\":21.40,\"humidity\":48.05},\"ts\":5000,\"sentAt\":7000}\n", frame, 0, 7000);
  expect_line(HEAD "{\"temperature\":21.40,\"humidity\":48.05},\"lost\":3}\n", frame, 3, 100);
  frame = (struct frame){.n = 17, .temperature = ALARM_FROM_CENTI_C, .humidity = -7};
  expect_line(HEAD "{\"temperature\":60.00,\"humidity\":-0.07},\"alarm\":true}\n", frame, 0, 0);
}

static void longest_line(void) {
  char device[DEVICE_ID_MAX + 1] = {0};
  char out[LINE_MAX];
  struct frame frame = {.n = UINT32_MAX, .taken_at_ms = UINT32_MAX, .temperature = INT16_MAX, .humidity = INT16_MIN, .resent = true};
  memset(device, 'x', DEVICE_ID_MAX);
  CHECK(line_format(out, device, BOOT, &frame, UINT32_MAX, UINT32_MAX) <= LINE_MAX);
}

int main(void) {
  answers();
  unacknowledged_frames();
  overdue_when_the_clock_begins_again();
  lines();
  longest_line();
  return 0;
}
