#include "clock.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <util/atomic.h>

#define TICK_COUNTS (F_CPU / 1024 * CLOCK_TICK_MS / 1000)

_Static_assert(TICK_COUNTS * 1024 * 1000 == F_CPU * CLOCK_TICK_MS, "a tick must be a whole number of timer counts");
_Static_assert(TICK_COUNTS <= 256, "a tick must fit the 8-bit timer");

static volatile uint32_t now_ms;

ISR(TIMER0_COMPA_vect) {
  now_ms += CLOCK_TICK_MS;
}

void clock_start(void) {
  OCR0A = TICK_COUNTS - 1;
  TIMSK0 = _BV(OCIE0A);
  TCCR0A = _BV(WGM01);            /* count to OCR0A, then from 0 */
  TCCR0B = _BV(CS02) | _BV(CS00); /* F_CPU / 1024 */
}

uint32_t clock_ms(void) {
  uint32_t now;
  ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
    now = now_ms;
  }
  return now;
}
