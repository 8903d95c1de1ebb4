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

/* A frame not acknowledged within this time is sent again. While nothing at all is acknowledged the time doubles, up to
   RESEND_MAX_MS. */
#ifndef RESEND_MS
#define RESEND_MS 2000
#endif
#ifndef RESEND_MAX_MS
#define RESEND_MAX_MS 30000UL
#endif

/* From this temperature on, in hundredths of a degree Celsius, a frame is marked as an alarm. */
#ifndef ALARM_FROM_CENTI_C
#define ALARM_FROM_CENTI_C 6000
#endif

#define DEVICE_ID_MAX 64

/* Frames that wait for their acknowledgement, at most: half a minute of them. */
#ifndef FRAMES_KEPT
#define FRAMES_KEPT 32
#endif
/* Early gateways take a frame that is so many numbers older than the newest for a repeat. */
#define FRAMES_REACH 512

#endif
