import { z } from 'zod';

export const log = z
  .strictObject({
    level: z
      .enum(['debug', 'info', 'warn', 'error'])
      .default('info')
      .describe('The variable HEADWATER_LOG overrides it.'),
  })
  .prefault({});
