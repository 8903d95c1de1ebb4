#include "window.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static void remove_at(struct window *window, uint8_t index) {
  window->count--;
  memmove(&window->kept[index], &window->kept[index + 1], (window->count - index) * sizeof(struct reading));
}

struct reading *window_add(struct window *window, int16_t temperature, int16_t humidity, uint32_t now_ms) {
  uint32_t number = ++window->last_number;
  if (window->count == FRAMES_KEPT || (window->count > 0 && number - window->kept[0].number >= FRAMES_REACH)) {
    remove_at(window, 0);
    window->lost++;
  }
  struct reading *reading = &window->kept[window->count++];
  *reading = (struct reading){
      .number = number,
      .taken_at_ms = now_ms,
      .temperature = temperature,
      .humidity = humidity,
  };
  return reading;
}

void window_acknowledge(struct window *window, uint32_t number) {
  for (uint8_t i = 0; i < window->count; i++) {
    if (window->kept[i].number == number) {
      remove_at(window, i);
      window->unanswered = 0;
      return;
    }
  }
}

static bool has_waited(const struct reading *reading, uint32_t now_ms) {
  return now_ms - reading->taken_at_ms >= RESEND_MS;
}

static bool begin_round(struct window *window, uint32_t now_ms) {
  uint32_t wait = (uint32_t)RESEND_MS << window->unanswered;
  bool slowest = wait >= RESEND_MAX_MS;
  if (slowest) wait = RESEND_MAX_MS;
  if (window->count == 0 || !has_waited(&window->kept[0], now_ms) || now_ms - window->round_at_ms < wait) return false;
  if (!slowest) window->unanswered++;
  window->round_at_ms = now_ms;
  window->round_next = window->kept[0].number;
  return true;
}

struct reading *window_due(struct window *window, uint32_t now_ms) {
  if (window->round_next == 0 && !begin_round(window, now_ms)) return NULL;
  for (uint8_t i = 0; i < window->count; i++) {
    struct reading *reading = &window->kept[i];
    if (reading->number < window->round_next) continue;
    if (!has_waited(reading, now_ms)) break;
    window->round_next = reading->number + 1;
    return reading;
  }
  window->round_next = 0;
  return NULL;
}
