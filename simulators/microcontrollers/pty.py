"""Opens a pseudo-terminal, links it to the path given, and joins it to standard input and output until the input ends.

What comes in while nobody has the terminal open, or faster than it is read, is lost, as on any serial line.
"""

import os
import select
import sys

ours, terminal = os.openpty()
os.set_blocking(ours, False)
os.symlink(os.ttyname(terminal), sys.argv[1])
os.close(terminal)  # so that our end hangs up whenever no one else has it open

line = select.poll()
line.register(ours, select.POLLIN)


def hung_up():
    return any(flags & select.POLLHUP for _, flags in line.poll(0))


while True:
    watched = [0] if hung_up() else [0, ours]
    ready, _, _ = select.select(watched, [], [], 0.05)
    try:
        if 0 in ready:
            data = os.read(0, 4096)
            if not data:
                break
            if not hung_up():
                os.write(ours, data)
        if ours in ready:
            os.write(1, os.read(ours, 4096))
    except OSError:
        pass  # full, or closed just now
