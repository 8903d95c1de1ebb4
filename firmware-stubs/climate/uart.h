/* The serial line: 8 data bits, no parity, one stop bit, at BAUD. */
#ifndef UART_H
#define UART_H

#include <stdbool.h>
#include <stdint.h>

void uart_start(void);

/* Queues the bytes for sending; sleeps while the queue is full. */
void uart_write(const uint8_t *bytes, uint8_t length);

/* Takes the next received byte, if there is one. Bytes that come while 255 wait are dropped. */
bool uart_read(uint8_t *byte);

#endif
