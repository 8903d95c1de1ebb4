/* Writes a reading as the JSON of a frame's payload. Pure: builds for any machine. */
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "frame.h"
#include "window.h"

/* Longest payload: the punctuation and names, the device's name, two values of 7 characters, three numbers of 10. */
#define PAYLOAD_MAX 200

/* `again`: it was sent before, and must say how old it is. `lost`: readings given up since power-up. */
void payload_write(struct frame_writer *to, const char *device, const struct reading *reading, uint32_t lost, bool again,
                   uint32_t now_ms);

#endif
