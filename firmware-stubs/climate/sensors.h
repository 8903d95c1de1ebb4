/* The analog sensors: a TMP36 on ADC0 and an HIH-4030 on ADC1, both supplied with 5 V like the chip. */
#ifndef SENSORS_H
#define SENSORS_H

#include <stdint.h>

/* Call with interrupts on: the chip sleeps through the conversions. */
void sensors_start(void);

/* Hundredths of a degree Celsius. A TMP36 that is cut off reads about -50 degrees. */
int16_t sensors_temperature(void);

/* Hundredths of a percent. An HIH-4030 that is cut off reads about -26 percent. */
int16_t sensors_humidity(void);

/* 32 bits from the noise of the pins with nothing on them and of the chip's own thermometer. */
uint32_t sensors_noise(void);

#endif
