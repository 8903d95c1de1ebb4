/* CRC-16/IBM-SDLC, also known as CRC-16/X-25, the frame check of HDLC and PPP: polynomial 0x1021 reflected, begun with 0xFFFF, inverted at the
 * end; 0x906E for "123456789". Inverted, because otherwise a frame whose checksum ends in a zero is still a good one when that zero is lost. */
#ifndef CRC16_H
#define CRC16_H

#include <stdint.h>

#define CRC16_START 0xffffu

/* One more byte; CRC16_START comes before the first. */
uint16_t crc16_add(uint16_t crc, uint8_t byte);

/* The checksum, when all bytes are added. */
static inline uint16_t crc16_end(uint16_t crc) {
  return (uint16_t)~crc;
}

#endif
