/* Who is speaking: the board's name and this power-up's id, both kept in EEPROM.
 *
 *   byte 0      the name, ended by a zero byte; anything else there, such as erased cells, means DEVICE_ID
 *   byte 72, 80 two copies of the power-up counter, each followed by its complement
 *
 * The counter is written to the copy that is older, so that power lost while writing leaves the other one whole. Two
 * power-ups of a board never share an id: each takes the next count, and the id is a one-to-one mix of the count. When
 * the EEPROM has been erased the counter begins at a random place. */
#ifndef IDENTITY_H
#define IDENTITY_H

#include <stdint.h>

#include "config.h"

struct identity {
  char device[DEVICE_ID_MAX + 1];
  uint32_t boot;
};

/* Call once at each power-up, with the sensors started. Returns when the new count is stored. */
void identity_load(struct identity *identity);

#endif
