import { z } from 'zod';

/** A topic filter in which wildcards stand alone in their level, perhaps with a `!` in front. */
export const filter = z
  .string()
  .min(1)
  .max(512)
  .regex(/^!?(?!!)/)
  .refine(
    (text) =>
      text
        .replace(/^!/, '')
        .split('/')
        .every((level, at, all) => !/[+#]/.test(level) || level === '+' || (level === '#' && at === all.length - 1)),
    'must be a topic filter: + and # stand alone between slashes, # at the end',
  )
  .refine(
    (text) => !/[{}]/.test(text.replaceAll(/\{(username|clientid)\}/g, '')),
    'may have {username} and {clientid}, and no other braces',
  );

export const publish = z
  .array(filter)
  .describe(
    'Topic filters of what may be published, with {username} and {clientid}; ! in front takes away. Other messages become dead letters.',
  );

export const subscribe = z
  .array(filter)
  .default([])
  .describe('Topic filters within which subscriptions are granted, in the same form; none unless listed.');
