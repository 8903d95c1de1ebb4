/* The readings that are not acknowledged yet, oldest first, and when to send them again. Pure: builds for any machine. */
#ifndef WINDOW_H
#define WINDOW_H

#include <stdint.h>

#include "config.h"

struct reading {
  uint32_t number; /* of its frame, from 1 at each power-up */
  uint32_t taken_at_ms;
  int16_t temperature; /* hundredths of a degree Celsius */
  int16_t humidity;    /* hundredths of a percent */
};

struct window {
  struct reading kept[FRAMES_KEPT];
  uint8_t count;
  uint32_t last_number;
  uint32_t lost; /* given up unacknowledged, for want of room */
  /* A round sends again what has waited; rounds without any answer follow each other ever more slowly. */
  uint32_t round_at_ms;
  uint32_t round_next; /* number from which the round under way goes on, 0 when there is none */
  uint8_t unanswered;
};

/* Numbers a new reading and keeps it. The oldest makes room where there is none, or where the gateway would take it for a repeat. */
struct reading *window_add(struct window *window, int16_t temperature, int16_t humidity, uint32_t now_ms);

/* Lets go of the reading with this number; nothing happens when it is not kept. */
void window_acknowledge(struct window *window, uint32_t number);

/* The next reading to send again now, or NULL. Ask until it is NULL. */
struct reading *window_due(struct window *window, uint32_t now_ms);

#endif
