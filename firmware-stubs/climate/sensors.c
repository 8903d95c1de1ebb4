#include "sensors.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>

#define TEMPERATURE_CHANNEL 0
#define HUMIDITY_CHANNEL 1
#define FIRST_OPEN_CHANNEL 2
#define CHIP_THERMOMETER 8

/* The sum of 64 conversions of 10 bits: the supply voltage would read 65536, and noise gives the bits below the tenth. */
#define SAMPLES 64
#define FULL_SCALE 65536L

EMPTY_INTERRUPT(ADC_vect)

void sensors_start(void) {
  ADMUX = _BV(REFS0); /* measure against the supply */
  ADCSRA = _BV(ADEN) | _BV(ADIE) | _BV(ADPS2) | _BV(ADPS1) | _BV(ADPS0); /* 125 kHz: 104 us for each conversion */
}

static uint16_t convert(uint8_t channel) {
  ADMUX = _BV(REFS0) | channel;
  ADCSRA |= _BV(ADSC);
  while (ADCSRA & _BV(ADSC)) sleep_mode();
  return ADC;
}

static uint16_t sum(uint8_t channel) {
  uint16_t total = 0;
  for (uint8_t i = 0; i < SAMPLES; i++) total += convert(channel);
  return total;
}

/* TMP36: 0.5 V at 0 degrees and 10 mV for each degree; so 5 V would be 450 degrees. */
int16_t sensors_temperature(void) {
  return (int16_t)((sum(TEMPERATURE_CHANNEL) * 50000UL + FULL_SCALE / 2) / FULL_SCALE - 5000);
}

/* HIH-4030: (0.16 + 0.0062 for each percent) of the supply. In damp air it reads a little over 100. */
int16_t sensors_humidity(void) {
  int16_t humidity = (int16_t)((sum(HUMIDITY_CHANNEL) - FULL_SCALE * 16 / 100) * 10000 / (FULL_SCALE * 62 / 100));
  if (humidity > 10000 && humidity < 10500) return 10000;
  if (humidity < 0 && humidity > -500) return 0;
  return humidity;
}

uint32_t sensors_noise(void) {
  uint32_t noise = 2166136261UL; /* FNV-1a */
  for (uint8_t round = 0; round < 16; round++) {
    for (uint8_t channel = FIRST_OPEN_CHANNEL; channel <= CHIP_THERMOMETER; channel++) {
      noise = (noise ^ (uint8_t)convert(channel)) * 16777619UL;
    }
  }
  return noise;
}
