/* Measures temperature and humidity, sends them as lines of JSON, and keeps every frame until the gateway has it. */
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <avr/wdt.h>

#include "ack.h"
#include "clock.h"
#include "config.h"
#include "frames.h"
#include "identity.h"
#include "line.h"
#include "sensors.h"
#include "uart.h"

_Static_assert(INTERVAL_MS % CLOCK_TICK_MS == 0, "INTERVAL_MS must be a multiple of the clock's tick");

static struct identity identity;
static struct frames frames;
static struct ack_reader answers;

static void send(struct frame *frame) {
  char line[LINE_MAX];
  uint32_t now = clock_ms();
  uart_write(line, line_format(line, identity.device, identity.boot, frame, frames.lost, now));
  frame->sent_at_ms = now;
  frame->resent = true; /* whenever it goes out after this */
  wdt_reset();          /* at a slow speed the lines of one turn together take longer than the watchdog waits */
}

static void take_answers(void) {
  char byte;
  uint32_t n;
  while (uart_read(&byte)) {
    if (ack_read(&answers, byte, identity.boot, &n)) frames_acknowledge(&frames, n);
  }
}

int main(void) {
  MCUSR = 0; /* or the watchdog could not be set after a reset by it */
  wdt_enable(WDTO_2S);
  set_sleep_mode(SLEEP_MODE_IDLE);
  clock_start();
  uart_start();
  sei();
  sensors_start();
  identity_load(&identity);

  uint32_t measured_at = clock_ms() - INTERVAL_MS;
  for (;;) {
    wdt_reset();
    take_answers();
    uint32_t now = clock_ms();
    if (now - measured_at >= INTERVAL_MS) {
      measured_at += INTERVAL_MS;
      int16_t temperature = sensors_temperature();
      send(frames_add(&frames, temperature, sensors_humidity(), now));
    }
    if (frames_overdue(&frames, clock_ms())) {
      for (uint8_t i = 0; i < frames.count; i++) send(&frames.kept[i]);
    }
    /* What came in since it was looked at waits for the next tick at most. */
    sleep_mode();
  }
}
