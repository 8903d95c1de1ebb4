import { z } from 'zod';

export const forwarder = z
  .strictObject({
    backlogShare: z
      .number()
      .min(0)
      .max(1)
      .default(0.5)
      .describe('Share of the records sent that the backlog gets while there are live ones.'),
  })
  .prefault({});
