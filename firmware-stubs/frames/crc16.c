#include "crc16.h"

/* Bit by bit: without a table of 512 bytes, a frame of 100 bytes takes an 8-bit chip at 16 MHz about a millisecond. */
uint16_t crc16_add(uint16_t crc, uint8_t byte) {
  crc ^= (uint16_t)byte << 8;
  for (uint8_t bit = 0; bit < 8; bit++) crc = crc & 0x8000u ? (uint16_t)(crc << 1) ^ 0x1021u : (uint16_t)(crc << 1);
  return crc;
}
