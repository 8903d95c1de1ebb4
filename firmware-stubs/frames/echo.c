/* Reads frames from standard input and writes each anew to standard output, for tests against other implementations. */
#include <stdio.h>

#include "frame.h"

int main(void) {
  static uint8_t in[1024], out[FRAME_SIZE(1024)];
  struct frame_reader reader = {.bytes = in, .size = sizeof in};
  struct frame frame;
  for (int byte = getchar(); byte != EOF; byte = getchar()) {
    if (!frame_read(&reader, byte, &frame)) continue;
    struct frame_writer writer;
    frame_begin(&writer, out, sizeof out, &frame.head);
    for (uint16_t i = 0; i < frame.length; i++) frame_put(&writer, frame.payload[i]);
    fwrite(out, 1, frame_end(&writer), stdout);
  }
  return 0;
}
