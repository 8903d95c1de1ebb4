#include "uart.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <util/atomic.h>

#include "config.h"

#define BAUD_TOL 3 /* 115200 is 2.1 % off at 16 MHz, which a receiver bears */
#include <util/setbaud.h>

#define SEND_QUEUE 128

static volatile uint8_t received[256]; /* as many as a uint8_t index counts: it wraps by itself */
static volatile uint8_t received_in;
static uint8_t received_out;

static volatile uint8_t queue[SEND_QUEUE];
static volatile uint8_t queued;
static uint8_t queue_out;
static bool sending;

ISR(USART_RX_vect) {
  uint8_t byte = UDR0;
  uint8_t next = received_in + 1;
  if (next != received_out) {
    received[received_in] = byte;
    received_in = next;
  }
}

/* Interrupts are off here. */
static void send_next(void) {
  sending = queued > 0;
  if (!sending) return;
  UDR0 = queue[queue_out];
  queue_out = (queue_out + 1) % SEND_QUEUE;
  queued--;
}

/* One byte follows another when it has left the chip, so that no interrupt has to be switched on and off in between. */
ISR(USART_TX_vect) {
  send_next();
}

void uart_start(void) {
  UBRR0 = UBRR_VALUE;
#if USE_2X
  UCSR0A = _BV(U2X0);
#else
  UCSR0A = 0;
#endif
  UCSR0C = _BV(UCSZ01) | _BV(UCSZ00);
  UCSR0B = _BV(RXEN0) | _BV(TXEN0) | _BV(RXCIE0) | _BV(TXCIE0);
}

void uart_write(const uint8_t *bytes, uint8_t length) {
  while (length > 0) {
    while (queued == SEND_QUEUE) sleep_mode();
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
      queue[(queue_out + queued) % SEND_QUEUE] = *bytes;
      queued++;
      if (!sending) send_next();
    }
    bytes++;
    length--;
  }
}

bool uart_read(uint8_t *byte) {
  if (received_out == received_in) return false;
  *byte = received[received_out];
  received_out++;
  return true;
}
