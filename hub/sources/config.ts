import { z } from 'zod';
import { NAME } from '../../contract/index.ts';

const name = z.string().regex(NAME).optional().describe('Unique and stable; the position is kept under it.');
const file = z.string().min(1);

/** What the hub's configuration says under `sources`. */
export const SourcesConfig = z
  .strictObject({
    web: z
      .array(
        z.strictObject({
          name,
          file: file.describe('An access log in the combined format of nginx or Apache.'),
          durationUnit: z
            .enum(['s', 'us'])
            .default('s')
            .describe('Unit of a response time at the end of the line: nginx $request_time is s, Apache %D is us.'),
        }),
      )
      .default([]),
    transactions: z
      .array(z.strictObject({ name, file: file.describe('One transaction a line, in JSON.') }))
      .default([]),
    weather: z
      .array(z.strictObject({ name, file: file.describe('One observation of the weather a line, in JSON.') }))
      .default([]),
    devices: z.strictObject({ file: file.describe('YAML or JSON list of devices.') }).optional(),
    accounts: z.strictObject({ file: file.describe('YAML or JSON list of accounts.') }).optional(),
    places: z.strictObject({ file: file.describe('YAML or JSON list of places and their sites.') }).optional(),
  })
  .superRefine(({ web, transactions, weather }, context) => {
    for (const field of ['name', 'file'] as const) {
      const given = [...web, ...transactions, ...weather].flatMap((source) => source[field] ?? []);
      // Two sources of one name would take turns at fencing each other.
      for (const twice of given.filter((value, index) => given.indexOf(value) !== index))
        context.addIssue({ code: 'custom', message: `the ${field} "${twice}" is given to two sources` });
    }
  });
export type SourcesConfig = z.infer<typeof SourcesConfig>;
