#include "identity.h"

#include <avr/eeprom.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "sensors.h"

#define NAME ((const void *)0)
#define COUNTERS ((struct counter *)72)

struct counter {
  uint32_t count;
  uint32_t complement;
};

static bool valid_name(const char *name) {
  for (uint8_t i = 0; i <= DEVICE_ID_MAX; i++) {
    uint8_t c = name[i];
    if (c == '\0') return i > 0;
    if (!isalnum(c) && (i == 0 || strchr("_.:-", c) == NULL)) return false;
  }
  return false;
}

/* The count of a copy, or 0 when it is not whole. */
static uint32_t read_counter(uint8_t copy) {
  struct counter counter;
  eeprom_read_block(&counter, &COUNTERS[copy], sizeof counter);
  return counter.complement == ~counter.count ? counter.count : 0;
}

static uint32_t next_count(void) {
  uint32_t first = read_counter(0);
  uint32_t second = read_counter(1);
  uint32_t last = first > second ? first : second;
  if (last == 0) last = sensors_noise() >> 1; /* the half leaves 2^31 power-ups to count */
  struct counter next = {.count = last + 1, .complement = ~(last + 1)};
  eeprom_update_block(&next, &COUNTERS[first > second ? 1 : 0], sizeof next);
  eeprom_busy_wait();
  return next.count;
}

/* MurmurHash3's last step: one-to-one, so different counts give different ids. */
static uint32_t mix(uint32_t x) {
  x ^= x >> 16;
  x *= 0x85ebca6bUL;
  x ^= x >> 13;
  x *= 0xc2b2ae35UL;
  return x ^ x >> 16;
}

void identity_load(struct identity *identity) {
  eeprom_read_block(identity->device, NAME, sizeof identity->device);
  if (!valid_name(identity->device)) strcpy(identity->device, DEVICE_ID);
  identity->boot = mix(next_count());
}
