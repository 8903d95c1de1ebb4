import { z } from 'zod';

export const serial = z.strictObject({
  path: z
    .string()
    .regex(/^(\/|[A-Z]+\d|tcp:\/\/[^/:]+:\d+$)/, 'must be a device file such as /dev/ttyUSB0, or tcp://host:port')
    .describe('A device file such as /dev/ttyUSB0, or tcp://host:port for a line behind a network server.'),
  baudRate: z.int().min(50).max(4_000_000).default(115_200),
  acknowledge: z.boolean().default(true).describe('Answer "ACK <boot> <n>" to each frame that is on disk.'),
});
