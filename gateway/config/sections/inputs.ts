import { z } from 'zod';
import { duration } from '../../../contract/index.ts';
import { repeated } from './common.ts';
import { mqtt } from './mqtt.ts';
import { mqttClient } from './mqtt-client.ts';
import { portName, serial } from './serial.ts';
import { transform } from './transform.ts';

export const inputs = z
  .strictObject({
    mqtt: mqtt.optional().describe('The embedded MQTT 3.1.1 broker.'),
    mqttClients: z
      .array(mqttClient)
      .default([])
      .describe('MQTT brokers that exist already; the gateway is their client.'),
    serial: z.array(serial).default([]).describe('Serial ports: JSON lines, CSV or frames with a checksum.'),
    host: z
      .strictObject({
        every: duration
          .pipe(z.number().min(100, 'must be at least 100ms').max(86_400_000, 'must be at most 1d'))
          .default(10_000)
          .describe('Time between two measurements.'),
        transform,
      })
      .optional()
      .describe('Load, memory, temperature and disk of this machine, as a device of its own.'),
  })
  .superRefine(({ mqtt, mqttClients, serial, host }, context) => {
    if (!mqtt && !host && mqttClients.length + serial.length === 0) {
      context.addIssue('has nothing to read from: give at least one of mqtt, mqttClients, serial and host');
    }
    for (const twice of repeated(mqttClients.map(({ name }) => name))) {
      context.addIssue({ code: 'custom', path: ['mqttClients'], message: `has the name "${twice}" twice` });
    }
    for (const twice of repeated(serial.filter((its) => its.path ?? its.usb).map(portName))) {
      context.addIssue({ code: 'custom', path: ['serial'], message: `has the port ${twice} twice` });
    }
  });
