import { z } from 'zod';
import { duration } from '../../../contract/index.ts';

const file = z.string().min(1);
const url = z.url({ protocol: /^https?$/, error: 'must be an address such as http://127.0.0.1:8086' });

/** `stores.influx` of the hub's configuration. */
export const InfluxConfig = z.strictObject({
  url: url.describe('Of an InfluxDB 2.7.'),
  org: z.string().min(1).default('headwater').describe('Organisation.'),
  tokenFile: file.describe(
    'File with a token that may write to the buckets; `headwater stores apply` makes it. It is read again at each write.',
  ),
  buckets: z
    .strictObject({ readings: z.string().min(1).default('readings'), results: z.string().min(1).default('results') })
    .prefault({})
    .describe('Names of the buckets, where an InfluxDB has others by these names.'),
  maxSeries: z
    .int()
    .min(1)
    .default(10_000)
    .describe('Most series of one measurement; points of further ones go to dead-letters.'),
  timeout: duration.prefault('30s').describe('How long InfluxDB may take to answer a write.'),
  gzip: z.boolean().default(false).describe('Compress what is written: for an InfluxDB behind a slow line.'),
});
export type InfluxConfig = z.output<typeof InfluxConfig>;
