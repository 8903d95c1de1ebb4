/* Frames of docs/reference/serial-frames.md. No allocation, no chip: builds for any machine. */
#ifndef FRAME_H
#define FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "cobs.h"

enum frame_type { FRAME_READING = 0x11, FRAME_ACKNOWLEDGEMENT = 0x12 };

struct frame_head {
  uint8_t type;
  uint32_t boot;   /* never the same for two power-ups of a device */
  uint32_t number; /* from 1 at each power-up */
};

#define FRAME_HEAD_BYTES 9
#define FRAME_CRC_BYTES 2

/* Room on the wire for a frame with so many bytes of payload. */
#define FRAME_SIZE(payload) (COBS_SIZE(FRAME_HEAD_BYTES + (payload) + FRAME_CRC_BYTES) + 2)

/* Writes one frame, as it goes over the wire, into a buffer of its caller. */
struct frame_writer {
  struct cobs_writer cobs;
  uint16_t crc;
};

void frame_begin(struct frame_writer *writer, uint8_t *out, uint16_t size, const struct frame_head *head);

/* Adds to the payload. */
void frame_put(struct frame_writer *writer, uint8_t byte);

/* The length of the frame, or 0 when the buffer was too small for it. */
uint16_t frame_end(struct frame_writer *writer);

/* Reads frames a byte at a time into a buffer of its caller; what does not fit is no frame to it. */
struct frame_reader {
  uint8_t *bytes;
  uint16_t size;
  uint16_t length;
  bool skipping; /* to the next zero: too long for the buffer */
};

struct frame {
  struct frame_head head;
  const uint8_t *payload; /* in the reader's buffer, until its next byte */
  uint16_t length;
};

/* True when the byte ends a frame that came whole, which is then in *frame. Noise and broken frames are passed over. */
bool frame_read(struct frame_reader *reader, uint8_t byte, struct frame *frame);

#endif
