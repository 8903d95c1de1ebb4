/* Writes a frame as the line of JSON that goes over the wire. Pure: builds for any machine. */
#ifndef LINE_H
#define LINE_H

#include <stdint.h>

#include "frames.h"

/* Longest line: the punctuation and names, the ids, two values of 7 characters, four numbers of 10, the line feed. */
#define LINE_MAX 240

/* Returns the length; `out` has room for LINE_MAX characters and gets no end mark. */
uint8_t line_format(char *out, const char *device, const char *boot, const struct frame *frame, uint32_t lost,
                    uint32_t now_ms);

#endif
