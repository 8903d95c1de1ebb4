#include "frames.h"

#include <string.h>

static void remove_at(struct frames *frames, uint8_t index) {
  frames->count--;
  memmove(&frames->kept[index], &frames->kept[index + 1], (frames->count - index) * sizeof(struct frame));
}

struct frame *frames_add(struct frames *frames, int16_t temperature, int16_t humidity, uint32_t now_ms) {
  if (frames->count == FRAMES_KEPT) {
    remove_at(frames, 0);
    frames->lost++;
  }
  struct frame *frame = &frames->kept[frames->count++];
  *frame = (struct frame){
      .n = ++frames->last_n,
      .taken_at_ms = now_ms,
      .sent_at_ms = now_ms,
      .temperature = temperature,
      .humidity = humidity,
  };
  return frame;
}

void frames_acknowledge(struct frames *frames, uint32_t n) {
  for (uint8_t i = 0; i < frames->count; i++) {
    if (frames->kept[i].n == n) {
      remove_at(frames, i);
      return;
    }
  }
}

bool frames_overdue(const struct frames *frames, uint32_t now_ms) {
  return frames->count > 0 && now_ms - frames->kept[0].sent_at_ms >= RESEND_MS;
}
