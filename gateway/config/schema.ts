import { z } from 'zod';
import { name } from '../../contract/index.ts';
import { conflicts } from './conflicts.ts';
import { buffer } from './sections/buffer.ts';
import { clock } from './sections/clock.ts';
import { forwarder } from './sections/forwarder.ts';
import { http } from './sections/http.ts';
import { inputs } from './sections/inputs.ts';
import { kafka } from './sections/kafka.ts';
import { log } from './sections/log.ts';

export const GatewayConfig = z
  .strictObject({
    gateway: z.strictObject({
      id: name.max(59).describe('Unique among the gateways of a platform; the host’s own device is <id>-host.'),
      site: name.describe('Where it stands.'),
    }),
    buffer,
    kafka,
    inputs,
    forwarder,
    http,
    clock,
    log,
  })
  .superRefine((config, context) => {
    for (const { path, message } of conflicts(config)) context.addIssue({ code: 'custom', path: [...path], message });
  });
export type GatewayConfig = z.output<typeof GatewayConfig>;

/** JSON Schema of the configuration file, for editors. */
export function gatewayJsonSchema(): object {
  return { title: 'Headwater gateway', ...z.toJSONSchema(GatewayConfig, { io: 'input' }) };
}
