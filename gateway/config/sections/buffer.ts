import { z } from 'zod';
import { duration, size } from '../../../contract/index.ts';
import { file } from './common.ts';

export const buffer = z.strictObject({
  dir: file.describe('Folder of the buffer, on a disk that honours a sync; made if it is missing.'),
  maxBytes: size
    .pipe(z.number().min(1_048_576, 'must be at least 1 MiB'))
    .default(2 * 1_024 ** 3)
    .describe('Largest size on disk, journal included, such as 2 GiB.'),
  maxAge: duration
    .pipe(z.number().min(60_000, 'must be at least 1m: what is older is given up'))
    .default(30 * 86_400_000)
    .describe('Oldest reading kept, such as 30d.'),
  whenFull: z
    .enum(['reject-new', 'drop-oldest'])
    .default('reject-new')
    .describe('reject-new: devices are refused and keep their data. drop-oldest: the oldest readings are given up.'),
  liveWithin: duration
    .default(10_000)
    .describe('Readings go to the backlog lane while the oldest live one not yet sent is older than this.'),
});
