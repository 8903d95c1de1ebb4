/* The board's loop on a workstation, for tests that need many frames: the same window, payloads and frames, on standard input and output.
 *
 *   host-board <device> <boot id in hex>
 *
 * It measures its own count: temperature and humidity together give the frame's number. It takes no new reading while the window is full. For
 * each frame that it knows to be safe it writes a line with the number to standard error. Ends with its input. */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "payload.h"
#include "window.h"

static struct window window;

static uint32_t clock_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint32_t)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

static void send(const char *device, uint32_t boot, const struct reading *reading, bool again) {
  uint8_t bytes[FRAME_SIZE(PAYLOAD_MAX)];
  struct frame_writer writer;
  struct frame_head head = {.type = FRAME_READING, .boot = boot, .number = reading->number};
  frame_begin(&writer, bytes, sizeof bytes, &head);
  payload_write(&writer, device, reading, window.lost, again, clock_ms());
  uint16_t length = frame_end(&writer);
  if (write(STDOUT_FILENO, bytes, length) != length) exit(0);
}

static void take(uint8_t byte, uint32_t boot) {
  static uint8_t answer[COBS_SIZE(FRAME_HEAD_BYTES + FRAME_CRC_BYTES)];
  static struct frame_reader answers = {.bytes = answer, .size = sizeof answer};
  struct frame frame;
  if (!frame_read(&answers, byte, &frame) || frame.head.type != FRAME_ACKNOWLEDGEMENT || frame.head.boot != boot) return;
  uint8_t before = window.count;
  window_acknowledge(&window, frame.head.number);
  if (window.count < before) fprintf(stderr, "%lu\n", (unsigned long)frame.head.number);
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  const char *device = arguments[1];
  uint32_t boot = strtoul(arguments[2], NULL, 16);
  uint32_t measured_at = clock_ms();
  for (;;) {
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    if (poll(&input, 1, 1) > 0) {
      uint8_t bytes[512];
      ssize_t length = read(STDIN_FILENO, bytes, sizeof bytes);
      if (length <= 0) return 0;
      for (ssize_t i = 0; i < length; i++) take(bytes[i], boot);
    }
    uint32_t now = clock_ms();
    if (now - measured_at >= INTERVAL_MS && window.count < FRAMES_KEPT) {
      measured_at = now;
      uint32_t number = window.last_number + 1;
      send(device, boot, window_add(&window, number % 5000, number / 5000, now), false);
    }
    for (struct reading *due; (due = window_due(&window, clock_ms())) != NULL;) send(device, boot, due, true);
  }
}
