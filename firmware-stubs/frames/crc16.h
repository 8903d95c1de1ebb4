/* CRC-16/IBM-3740, often called CRC-16/CCITT-FALSE: polynomial 0x1021, nothing reflected or inverted; 0x29B1 for "123456789". */
#ifndef CRC16_H
#define CRC16_H

#include <stdint.h>

#define CRC16_START 0xffffu

/* The checksum of what `crc` is of and one more byte. */
uint16_t crc16_add(uint16_t crc, uint8_t byte);

#endif
