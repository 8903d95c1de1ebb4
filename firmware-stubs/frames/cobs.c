#include "cobs.h"

#define LONGEST 255

static void append(struct cobs_writer *writer, uint8_t byte) {
  if (writer->length == writer->size) writer->overflow = true;
  else writer->out[writer->length++] = byte;
}

static uint16_t block_length(const struct cobs_writer *writer) {
  return writer->length - writer->block;
}

static void close_block(struct cobs_writer *writer) {
  if (writer->overflow) return;
  writer->out[writer->block] = block_length(writer);
}

static void open_block(struct cobs_writer *writer) {
  writer->block = writer->length;
  append(writer, 0);
}

void cobs_begin(struct cobs_writer *writer, uint8_t *out, uint16_t size) {
  *writer = (struct cobs_writer){.out = out, .size = size};
  open_block(writer);
}

void cobs_put(struct cobs_writer *writer, uint8_t byte) {
  /* A full block is closed only when something follows it. */
  if (block_length(writer) == LONGEST) {
    close_block(writer);
    open_block(writer);
  }
  if (byte != 0) {
    append(writer, byte);
    return;
  }
  close_block(writer);
  open_block(writer);
}

uint16_t cobs_end(struct cobs_writer *writer) {
  close_block(writer);
  return writer->overflow ? 0 : writer->length;
}

bool cobs_decode(uint8_t *bytes, uint16_t *length) {
  uint16_t in = 0, out = 0;
  while (in < *length) {
    uint8_t block = bytes[in];
    if (block == 0 || block > *length - in) return false;
    for (uint8_t i = 1; i < block; i++) {
      if (bytes[in + i] == 0) return false;
      bytes[out++] = bytes[in + i];
    }
    in += block;
    if (block < LONGEST && in < *length) bytes[out++] = 0;
  }
  *length = out;
  return true;
}
