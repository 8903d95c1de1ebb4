import { z } from 'zod';
import { duration } from '../../../contract/index.ts';

export const clock = z
  .strictObject({
    trust: z
      .enum(['synchronized', 'always'])
      .default('synchronized')
      .describe(
        'When this machine’s clock is taken to be right: `synchronized`, once a time service has set it since the machine was started, or two minutes after that where a clock with a battery shows the same time or no such service runs; `always`, from the start, as it is where there is no systemd to tell.',
      ),
    holdAtMost: duration
      .pipe(z.number().max(30 * 86_400_000, 'must be at most 30d'))
      .default(86_400_000)
      .describe(
        'How long readings are held until the machine’s clock is set, counted from the machine’s start, over several starts while it runs. After that, or when 56 MiB are held, they get the time it shows and say so (`clock: unset`).',
      ),
  })
  .prefault({});
