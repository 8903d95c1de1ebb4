/* The frames that are not acknowledged yet, oldest first. Pure: builds for any machine. */
#ifndef FRAMES_H
#define FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"

struct frame {
  uint32_t n; /* from 1 at each power-up */
  uint32_t taken_at_ms;
  uint32_t sent_at_ms; /* last time */
  int16_t temperature; /* hundredths of a degree Celsius */
  int16_t humidity;    /* hundredths of a percent */
  bool resent;
};

struct frames {
  struct frame kept[FRAMES_KEPT];
  uint8_t count;
  uint32_t last_n;
  uint32_t lost; /* given up unacknowledged, for want of room */
};

/* Numbers a new frame and keeps it; the oldest makes room when there is none. */
struct frame *frames_add(struct frames *frames, int16_t temperature, int16_t humidity, uint32_t now_ms);

/* Lets go of frame n; nothing happens when it is not kept. */
void frames_acknowledge(struct frames *frames, uint32_t n);

/* Has the oldest frame waited RESEND_MS for its acknowledgement since it was last sent? */
bool frames_overdue(const struct frames *frames, uint32_t now_ms);

#endif
