#include "payload.h"

static void put(struct frame_writer *to, const char *text) {
  while (*text) frame_put(to, *text++);
}

static void put_number(struct frame_writer *to, uint32_t number) {
  char digits[10];
  uint8_t count = 0;
  do {
    digits[count++] = '0' + number % 10;
    number /= 10;
  } while (number > 0);
  while (count > 0) frame_put(to, digits[--count]);
}

/* -5 becomes -0.05. */
static void put_hundredths(struct frame_writer *to, int16_t value) {
  uint16_t size = value < 0 ? -(int32_t)value : value;
  if (value < 0) frame_put(to, '-');
  put_number(to, size / 100);
  frame_put(to, '.');
  frame_put(to, '0' + size / 10 % 10);
  frame_put(to, '0' + size % 10);
}

void payload_write(struct frame_writer *to, const char *device, const struct reading *reading, uint32_t lost, bool again,
                   uint32_t now_ms) {
  put(to, "{\"device\":\"");
  put(to, device);
  put(to, "\",\"values\":{\"temperature\":");
  put_hundredths(to, reading->temperature);
  put(to, ",\"humidity\":");
  put_hundredths(to, reading->humidity);
  frame_put(to, '}');
  /* A reading sent at once was taken when it arrives. The chip knows no date, so both times count from power-up. Without
     them when the clock has begun again in between. */
  if (again && now_ms >= reading->taken_at_ms) {
    put(to, ",\"ts\":");
    put_number(to, reading->taken_at_ms);
    put(to, ",\"sentAt\":");
    put_number(to, now_ms);
  }
  if (reading->temperature >= ALARM_FROM_CENTI_C) put(to, ",\"alarm\":true");
  if (lost > 0) {
    put(to, ",\"lost\":");
    put_number(to, lost);
  }
  frame_put(to, '}');
}
