import { z } from 'zod';
import { duration } from '../../../contract/index.ts';
import { repeated } from './common.ts';
import { mqtt } from './mqtt.ts';
import { serial } from './serial.ts';

export const inputs = z
  .strictObject({
    mqtt: mqtt.optional().describe('The embedded MQTT 3.1.1 broker.'),
    serial: z.array(serial).default([]).describe('Serial ports with a JSON object on each line.'),
    host: z
      .strictObject({ every: duration.default(10_000) })
      .optional()
      .describe('Load, memory, temperature and disk of this machine, as a device of its own.'),
  })
  .superRefine(({ mqtt, serial, host }, context) => {
    if (!mqtt && !host && serial.length === 0) {
      context.addIssue('has nothing to read from: give at least one of mqtt, serial and host');
    }
    for (const twice of repeated(serial.map(({ path }) => path))) {
      context.addIssue({ code: 'custom', path: ['serial'], message: `has the port ${twice} twice` });
    }
  });
