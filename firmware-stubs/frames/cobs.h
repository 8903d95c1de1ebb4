/* Consistent Overhead Byte Stuffing (Cheshire and Baker, 1999): bytes written without a zero, so that a zero can end them. */
#ifndef COBS_H
#define COBS_H

#include <stdbool.h>
#include <stdint.h>

/* Room for `length` bytes when they are encoded. */
#define COBS_SIZE(length) ((length) + ((length) + 253) / 254 + 1)

/* Encodes byte by byte into a buffer of its caller, so that what is encoded needs no place of its own. */
struct cobs_writer {
  uint8_t *out;
  uint16_t size;
  uint16_t length; /* of what is written */
  uint16_t block;  /* where the length of the block under way will stand */
  bool overflow;   /* the buffer was too small: what is written is of no use */
};

void cobs_begin(struct cobs_writer *writer, uint8_t *out, uint16_t size);
void cobs_put(struct cobs_writer *writer, uint8_t byte);

/* The length of what is written, or 0 when the buffer was too small. */
uint16_t cobs_end(struct cobs_writer *writer);

/* Decodes in place; false when it is not COBS. */
bool cobs_decode(uint8_t *bytes, uint16_t *length);

#endif
