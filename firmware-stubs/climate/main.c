/* Measures temperature and humidity, sends them in frames, and keeps every reading until the gateway has it. */
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <avr/wdt.h>
#include <stddef.h>

#include "clock.h"
#include "config.h"
#include "frame.h"
#include "identity.h"
#include "payload.h"
#include "sensors.h"
#include "uart.h"
#include "window.h"

_Static_assert(INTERVAL_MS % CLOCK_TICK_MS == 0, "INTERVAL_MS must be a multiple of the clock's tick");
_Static_assert(FRAME_SIZE(PAYLOAD_MAX) <= UINT8_MAX, "uart_write takes at most 255 bytes");

static struct identity identity;
static struct window window;
static uint8_t answer[COBS_SIZE(FRAME_HEAD_BYTES + FRAME_CRC_BYTES)];
static struct frame_reader answers = {.bytes = answer, .size = sizeof answer};

static void send(const struct reading *reading, bool again) {
  uint8_t bytes[FRAME_SIZE(PAYLOAD_MAX)];
  struct frame_writer writer;
  struct frame_head head = {.type = FRAME_READING, .boot = identity.boot, .number = reading->number};
  frame_begin(&writer, bytes, sizeof bytes, &head);
  payload_write(&writer, identity.device, reading, window.lost, again, clock_ms());
  uart_write(bytes, frame_end(&writer));
  wdt_reset(); /* at a slow speed the frames of one round together take longer than the watchdog waits */
}

static void take_answers(void) {
  uint8_t byte;
  struct frame frame;
  while (uart_read(&byte)) {
    if (!frame_read(&answers, byte, &frame) || frame.head.type != FRAME_ACKNOWLEDGEMENT) continue;
    if (frame.head.boot == identity.boot) window_acknowledge(&window, frame.head.number);
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
      send(window_add(&window, temperature, sensors_humidity(), now), false);
    }
    for (struct reading *due; (due = window_due(&window, clock_ms())) != NULL;) {
      send(due, true);
      take_answers();
    }
    /* What came in since it was looked at waits for the next tick at most. */
    sleep_mode();
  }
}
