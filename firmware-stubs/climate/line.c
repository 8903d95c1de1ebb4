#include "line.h"

#include <stdbool.h>

static char *put(char *out, const char *text) {
  while (*text) *out++ = *text++;
  return out;
}

static char *put_number(char *out, uint32_t number) {
  char digits[10];
  uint8_t count = 0;
  do {
    digits[count++] = '0' + number % 10;
    number /= 10;
  } while (number > 0);
  while (count > 0) *out++ = digits[--count];
  return out;
}

/* -5 becomes -0.05. */
static char *put_hundredths(char *out, int16_t value) {
  uint16_t size = value < 0 ? -(int32_t)value : value;
  if (value < 0) *out++ = '-';
  out = put_number(out, size / 100);
  *out++ = '.';
  *out++ = '0' + size / 10 % 10;
  *out++ = '0' + size % 10;
  return out;
}

uint8_t line_format(char *out, const char *device, const char *boot, const struct frame *frame, uint32_t lost,
                    uint32_t now_ms) {
  char *end = put(out, "{\"device\":\"");
  end = put(end, device);
  end = put(end, "\",\"boot\":\"");
  end = put(end, boot);
  end = put(end, "\",\"n\":");
  end = put_number(end, frame->n);
  end = put(end, ",\"values\":{\"temperature\":");
  end = put_hundredths(end, frame->temperature);
  end = put(end, ",\"humidity\":");
  end = put_hundredths(end, frame->humidity);
  *end++ = '}';
  /* A frame sent at once was taken when it arrives. One sent again must say how old it is; the chip knows no date, so
     both times count from power-up. Without them when the clock has begun again in between. */
  if (frame->resent && now_ms >= frame->taken_at_ms) {
    end = put(end, ",\"ts\":");
    end = put_number(end, frame->taken_at_ms);
    end = put(end, ",\"sentAt\":");
    end = put_number(end, now_ms);
  }
  if (frame->temperature >= ALARM_FROM_CENTI_C) end = put(end, ",\"alarm\":true");
  if (lost > 0) {
    end = put(end, ",\"lost\":");
    end = put_number(end, lost);
  }
  end = put(end, "}\n");
  return end - out;
}
