#include "ack.h"

#include <string.h>

#define NUMBER_AT (4 + BOOT_ID_LENGTH + 1)

static bool parse_number(const char *digits, uint8_t length, uint32_t *n) {
  if (length == 0) return false;
  *n = 0;
  for (uint8_t i = 0; i < length; i++) {
    uint8_t digit = digits[i] - '0';
    if (digit > 9 || *n > (UINT32_MAX - digit) / 10) return false;
    *n = *n * 10 + digit;
  }
  return true;
}

bool ack_read(struct ack_reader *reader, char byte, const char *boot, uint32_t *n) {
  if (byte != '\n') {
    if (reader->length < sizeof reader->line) reader->line[reader->length++] = byte;
    return false;
  }
  const char *line = reader->line;
  uint8_t length = reader->length;
  reader->length = 0;
  if (length == sizeof reader->line) return false;
  if (length > 0 && line[length - 1] == '\r') length--;
  return length > NUMBER_AT && memcmp(line, "ACK ", 4) == 0 && memcmp(line + 4, boot, BOOT_ID_LENGTH) == 0 &&
         line[NUMBER_AT - 1] == ' ' && parse_number(line + NUMBER_AT, length - NUMBER_AT, n);
}
