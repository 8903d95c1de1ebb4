/* Time since power-up. A timer interrupt wakes the processor at every tick, so nothing ever sleeps longer than one. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

#define CLOCK_TICK_MS 8

void clock_start(void);

/* Milliseconds since clock_start, in steps of a tick; begins again at 0 after 49 days, so compare only differences. */
uint32_t clock_ms(void);

#endif
