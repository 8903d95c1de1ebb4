#include "frame.h"

#include "crc16.h"

static void put_u32(struct frame_writer *writer, uint32_t value) {
  for (int8_t shift = 24; shift >= 0; shift -= 8) frame_put(writer, value >> shift);
}

static uint32_t get_u32(const uint8_t *bytes) {
  uint32_t value = 0;
  for (uint8_t i = 0; i < 4; i++) value = value << 8 | bytes[i];
  return value;
}

/* A zero on both ends: the first keeps noise on an idle line apart from the frame. */
void frame_begin(struct frame_writer *writer, uint8_t *out, uint16_t size, const struct frame_head *head) {
  writer->crc = CRC16_START;
  out[0] = 0;
  cobs_begin(&writer->cobs, out + 1, size - 2);
  frame_put(writer, head->type);
  put_u32(writer, head->boot);
  put_u32(writer, head->number);
}

void frame_put(struct frame_writer *writer, uint8_t byte) {
  writer->crc = crc16_add(writer->crc, byte);
  cobs_put(&writer->cobs, byte);
}

uint16_t frame_end(struct frame_writer *writer) {
  uint16_t crc = crc16_end(writer->crc);
  cobs_put(&writer->cobs, crc);
  cobs_put(&writer->cobs, crc >> 8);
  uint16_t length = cobs_end(&writer->cobs);
  if (length == 0) return 0;
  writer->cobs.out[length] = 0;
  return length + 2;
}

static bool open_frame(uint8_t *bytes, uint16_t length, struct frame *frame) {
  if (!cobs_decode(bytes, &length) || length < FRAME_HEAD_BYTES + FRAME_CRC_BYTES) return false;
  uint16_t end = length - FRAME_CRC_BYTES;
  uint16_t crc = CRC16_START;
  for (uint16_t i = 0; i < end; i++) crc = crc16_add(crc, bytes[i]);
  crc = crc16_end(crc);
  if (bytes[end] != (crc & 0xff) || bytes[end + 1] != crc >> 8) return false;
  *frame = (struct frame){
      .head = {.type = bytes[0], .boot = get_u32(bytes + 1), .number = get_u32(bytes + 5)},
      .payload = bytes + FRAME_HEAD_BYTES,
      .length = end - FRAME_HEAD_BYTES,
  };
  return (frame->head.type == FRAME_READING || frame->head.type == FRAME_ACKNOWLEDGEMENT) && frame->head.number > 0;
}

bool frame_read(struct frame_reader *reader, uint8_t byte, struct frame *frame) {
  if (byte == 0) {
    uint16_t length = reader->length;
    bool whole = !reader->skipping && length > 0;
    reader->length = 0;
    reader->skipping = false;
    return whole && open_frame(reader->bytes, length, frame);
  }
  if (reader->length == reader->size) reader->skipping = true;
  else reader->bytes[reader->length++] = byte;
  return false;
}
