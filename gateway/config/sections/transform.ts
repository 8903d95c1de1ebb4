import { z } from 'zod';
import { duration, NAME } from '../../../contract/index.ts';
import { conversionOf } from '../unit-conversion.ts';

const glob = z.string().min(1).max(64);

/** A name in which {device} and {metric} stand for what the reading has. */
const template = z
  .string()
  .max(128)
  .refine((text) => NAME.test(text.replaceAll(/\{(device|metric)\}/g, 'x')), {
    message: 'must be a name: letters, digits and _ . : -, with {device} and {metric} for what it was',
  });

const actions = {
  rename: z
    .strictObject({
      device: template.optional().describe('New name of the device, such as shed-{device}.'),
      metric: template.optional().describe('New name of the metric.'),
    })
    .refine(({ device, metric }) => device !== undefined || metric !== undefined, 'must give device, metric or both')
    .optional()
    .describe('New names; {device} and {metric} stand for the old ones.'),
  convert: z
    .strictObject({
      from: z
        .string()
        .min(1)
        .describe('Unit the values are in, whatever they came labelled with: UCUM or common name.'),
      to: z.string().min(1).describe('Unit they get.'),
    })
    .superRefine(({ from, to }, context) => {
      try {
        conversionOf(from, to);
      } catch (error) {
        context.addIssue((error as Error).message);
      }
    })
    .optional()
    .describe('Converts between units of one kind, such as degF to Cel or Wh to kWh.'),
  scale: z
    .strictObject({
      factor: z.number().default(1).describe('What the value is multiplied by.'),
      offset: z.number().default(0).describe('Added after the factor.'),
      unit: z.string().min(1).max(32).optional().describe('UCUM unit of the result.'),
    })
    .optional()
    .describe('value × factor + offset.'),
  deadband: z
    .strictObject({
      absolute: z.number().min(0).optional().describe('In the unit of the reading.'),
      percent: z.number().min(0).optional().describe('Of the value kept last.'),
      maxSilence: duration.default(600_000).describe('One is kept anyway after this time.'),
    })
    .refine(({ absolute, percent }) => (absolute === undefined) !== (percent === undefined), {
      message: 'must have either absolute or percent',
    })
    .optional()
    .describe('Drops values that differ by no more than this from the one kept last of their series.'),
  rateLimit: z
    .strictObject({
      every: duration
        .pipe(z.number().min(1, 'must be at least 1 ms'))
        .describe('Least time between two that are kept.'),
    })
    .optional()
    .describe('Keeps at most one reading of each series in this time, by the time of measurement.'),
  drop: z
    .strictObject({
      below: z.number().optional().describe('Drops values below this.'),
      above: z.number().optional().describe('Drops values above this.'),
      equals: z.number().optional().describe('Drops exactly this value.'),
    })
    .optional()
    .describe('Drops readings of which any condition holds; with {} all that match.'),
};
const ACTIONS = Object.keys(actions);

const step = z
  .strictObject({
    match: z
      .strictObject({
        device: glob.optional().describe('Name, in which * stands for anything.'),
        metric: glob.optional().describe('Name, in which * stands for anything.'),
        unit: z.string().min(1).optional().describe('UCUM unit, exactly.'),
      })
      .optional()
      .describe('The readings it is for; all where it is left out.'),
    ...actions,
  })
  .superRefine((step, context) => {
    const given = ACTIONS.filter((name) => step[name as keyof typeof step] !== undefined);
    if (given.length !== 1) {
      const what = given.length === 0 ? 'has nothing to do' : `has ${given.join(' and ')}`;
      context.addIssue(`${what}; a step has exactly one of ${ACTIONS.join(', ')}`);
    }
  });

export const transform = z
  .array(step)
  .default([])
  .describe('Steps that every reading of this input goes through, in order. A dropped reading goes no further.');
export type TransformStep = z.output<typeof transform>[number];
