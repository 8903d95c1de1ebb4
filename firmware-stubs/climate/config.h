/* What a build may change: `make BAUD=57600 HEX=slow.hex`. */
#ifndef CONFIG_H
#define CONFIG_H

/* Name of a board whose EEPROM holds none. */
#ifndef DEVICE_ID
#define DEVICE_ID "mc-1"
#endif

#ifndef BAUD
#define BAUD 115200UL
#endif

/* Time from one frame to the next, a multiple of CLOCK_TICK_MS. */
#ifndef INTERVAL_MS
#define INTERVAL_MS 1000
#endif

/* A frame not acknowledged within this time is sent again. */
#ifndef RESEND_MS
#define RESEND_MS 2000
#endif

/* From this temperature on, in hundredths of a degree Celsius, a frame is marked as an alarm. */
#ifndef ALARM_FROM_CENTI_C
#define ALARM_FROM_CENTI_C 6000
#endif

#define DEVICE_ID_MAX 64
#define BOOT_ID_LENGTH 8
#define FRAMES_KEPT 8

#endif
