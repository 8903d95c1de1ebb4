import { z } from 'zod';
import { duration, size } from '../../../contract/index.ts';

export const forwarder = z
  .strictObject({
    backlogShare: z
      .number()
      .min(0)
      .max(1)
      .default(0.5)
      .describe('Share of the records sent that the backlog gets while there are live ones.'),
    batchBytes: size
      .pipe(z.number().min(16_384, 'must be at least 16 KiB').max(900_000, 'must be at most 900 kB'))
      .default(900_000)
      .describe(
        'Largest batch, before compression; below max.message.bytes of the topic. A slow link gets smaller ones by itself.',
      ),
    linger: duration
      .pipe(z.number().max(5_000, 'must be at most 5s'))
      .default(5)
      .describe(
        'How long a batch that is not full waits for more, at most 5s. Longer means fewer requests and bytes; alarms never wait.',
      ),
    compression: z
      .enum(['none', 'gzip', 'zstd'])
      .default('zstd')
      .describe('gzip where something on the way does not understand zstd.'),
  })
  .prefault({});
