/* Reads the gateway's answers, `ACK <boot> <n>` and a line feed, a byte at a time. Pure: builds for any machine. */
#ifndef ACK_H
#define ACK_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"

struct ack_reader {
  char line[4 + BOOT_ID_LENGTH + 1 + 10 + 2]; /* the longest answer, a carriage return, and one more to see what is longer */
  uint8_t length;
};

/* True when the byte ends an answer to a frame of this boot, whose number is then in *n. Every other line is passed over. */
bool ack_read(struct ack_reader *reader, char byte, const char *boot, uint32_t *n);

#endif
