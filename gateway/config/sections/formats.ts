import { z } from 'zod';
import { parseTopicPattern } from '../topic-pattern.ts';

/** A topic pattern that names all of `required`, and nothing but these and `optional`. */
function pattern(required: readonly string[], optional: readonly string[] = []) {
  return z.string().superRefine((text, context) => {
    try {
      const { names } = parseTopicPattern(text);
      const allowed = [...required, ...optional];
      const stranger = names.find((name) => !allowed.includes(name));
      if (stranger) context.addIssue(`has {${stranger}}; it can name ${allowed.map((name) => `{${name}}`).join(', ')}`);
      const missing = required.find((name) => !names.includes(name));
      if (missing) context.addIssue(`must have a level {${missing}}`);
    } catch (error) {
      context.addIssue((error as Error).message);
    }
  });
}

const anyPattern = pattern([], ['device', 'metric']).describe(
  'MQTT topic filter whose levels may be named: {device} and {metric}, as in sensors/{device}/{metric}; {device#} at the end takes all levels left.',
);
const unit = z.string().min(1).max(32);
const units = z.record(z.string(), unit).default({}).describe('UCUM unit by metric, such as flow: L/min.');
const booleans = z
  .boolean()
  .default(false)
  .describe('Take true as 1 and false as 0. Otherwise they are ignored, as texts are.');
const field = z.string().min(1);
const timeField = field.describe('Where the time stands: a field by its path, or a column.');
const device = field
  .optional()
  .describe('Where the device’s name stands in the payload, when the topic does not say it: a field, column or tag.');
const timeUnit = z
  .enum(['s', 'ms', 'us', 'ns', 'iso'])
  .describe('Since 1970 in seconds, ms, µs or ns; iso: text such as 2026-11-22T20:00:00Z, with Z or an offset.');

const number = z.strictObject({
  topic: pattern(['device', 'metric']).describe('As sensors/{device}/{metric}.'),
  format: z.literal('number'),
  unit: unit.optional().describe('UCUM unit of the values; else that of a metric Headwater knows, or 1.'),
});

const json = z
  .strictObject({
    topic: anyPattern,
    format: z.literal('json'),
    values: z
      .array(field)
      .min(1)
      .optional()
      .describe('Fields that are values, levels joined by the separator. Left out: every number in the object.'),
    separator: z
      .string()
      .regex(/^[_.:-]$/, 'must be one of _ . : -')
      .default('.')
      .describe('Joins the levels of a name.'),
    time: z
      .strictObject({ field: timeField, unit: timeUnit })
      .optional()
      .describe('When it was measured; else the time of receipt.'),
    device,
    booleans,
    units,
  })
  .superRefine(oneDevice);

const csv = z
  .strictObject({
    topic: pattern([], ['device']).describe('As log/{device}.'),
    format: z.literal('csv'),
    columns: z.array(z.string().min(1)).min(1).describe('Name of each column, in order; _ for one to be ignored.'),
    separator: z
      .string()
      .regex(/^[^"\r\n]$/, 'must be one character, such as ; or "\t"')
      .default(',')
      .describe('Stands between two fields.'),
    time: z
      .strictObject({ column: timeField, unit: timeUnit })
      .optional()
      .describe('When it was measured; else the time of receipt.'),
    device,
    units,
  })
  .superRefine(oneDevice)
  .superRefine(({ columns, time, device }, context) => {
    const absent = (path: string[], name: string) =>
      context.addIssue({ code: 'custom', path, message: `is "${name}", which is not one of the columns` });
    if (time && !columns.includes(time.column)) absent(['time', 'column'], time.column);
    if (device && !columns.includes(device)) absent(['device'], device);
    const twice = columns.find((name, at) => name !== '_' && columns.indexOf(name) !== at);
    if (twice) context.addIssue({ code: 'custom', path: ['columns'], message: `has "${twice}" twice` });
  });

const influx = z
  .strictObject({
    topic: pattern([], ['device']).describe('As influx/{device}, or influx/# with a device tag.'),
    format: z.literal('influx'),
    precision: z.enum(['s', 'ms', 'us', 'ns']).default('ns').describe('Unit of the time stamps.'),
    device,
    tags: z
      .array(field)
      .default([])
      .describe('Tags whose values become part of the metric: measurement.tag.field. Other tags are ignored.'),
    booleans,
    units,
  })
  .superRefine(oneDevice);

const tasmota = z.strictObject({
  topic: pattern(['device', 'path'])
    .default('tele/{device}/{path#}')
    .describe('Where the FullTopic of the devices differs; {path#} is what comes after the device.'),
  format: z.literal('tasmota'),
});

const shelly = z.strictObject({
  topic: pattern(['device', 'path'])
    .optional()
    .describe('Left out: shellies/{device}/…, and {device}/status/…, {device}/events/rpc and {device}/online.'),
  format: z.literal('shelly'),
});

const zigbee2mqtt = z.strictObject({
  topic: pattern(['device']).default('zigbee2mqtt/{device#}').describe('Where the base topic is another one.'),
  format: z.literal('zigbee2mqtt'),
});

export const formats = z
  .array(z.discriminatedUnion('format', [number, json, csv, influx, tasmota, shelly, zigbee2mqtt]))
  .default([])
  .describe(
    'How payloads are written, by topic; the first that matches is taken. What matches none is devices/<device> or devices/<device>/<metric>.',
  );
export type Format = z.output<typeof formats>[number];

function oneDevice(
  { topic, device }: { topic: string; device?: string | undefined },
  context: z.core.$RefinementCtx,
): void {
  const inTopic = /\{device#?\}/.test(topic);
  if (inTopic === (device === undefined)) return;
  const message = inTopic
    ? 'stands in the topic as well; leave one of them out'
    : 'is not known: put {device} in the topic, or say here where it stands in the payload';
  context.addIssue({ code: 'custom', path: ['device'], message });
}
