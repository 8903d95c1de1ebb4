#include "crc16.h"

/* Bit by bit: no table of 512 bytes. */
uint16_t crc16_add(uint16_t crc, uint8_t byte) {
  crc ^= byte;
  for (uint8_t bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0x8408u : crc >> 1;
  return crc;
}
