import { z } from 'zod';
import { name } from '../../../contract/index.ts';
import { file, isLoopback, repeated } from './common.ts';
import { formats } from './formats.ts';
import { transform } from './transform.ts';

const topic = z.strictObject({
  filter: z
    .string()
    .min(1)
    .max(1_024)
    .refine(isFilter, 'must be a topic filter: + stands for a whole level, # for all the rest, at the end only')
    .describe('Such as tele/+/SENSOR or zigbee2mqtt/#.'),
  qos: z
    .union([z.literal(1), z.literal(2)])
    .default(1)
    .describe('2 only where devices publish with QoS 2: it costs twice the packets.'),
});

/** An MQTT broker that exists; the gateway is its client. */
export const mqttClient = z
  .strictObject({
    name: name.max(32).describe('Tells it from the others: its messages come from mqtt-client:<name>.'),
    url: z.string().min(1).describe('mqtts://host[:8883], or mqtt://host[:1883] without TLS.'),
    username: z.string().min(1).max(128).optional().describe('Name at the broker.'),
    passwordFile: file.optional().describe('File that holds the password, with nothing else in it.'),
    caFile: file
      .optional()
      .describe('PEM file of the authority of the broker’s certificate; without it, the usual ones.'),
    certFile: file.optional().describe('PEM client certificate, where the broker asks for one.'),
    keyFile: file.optional().describe('PEM key of the client certificate.'),
    plaintext: z
      .boolean()
      .default(false)
      .describe('Talk to a broker on the network without TLS: passwords are readable.'),
    clientId: z
      .string()
      .min(1)
      .max(128)
      .optional()
      .describe(
        'Name of the gateway’s session at the broker, its own there; headwater-<gateway id>-<name> unless given.',
      ),
    topics: z.array(topic).min(1).describe('What to subscribe to.'),
    formats,
    transform,
  })
  .superRefine(({ url, plaintext, topics, ...its }, context) => {
    const problem = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    const parsed = URL.parse(url);
    if (parsed === null || !/^mqtts?:$/.test(parsed.protocol) || parsed.hostname === '') {
      problem('url', 'must be mqtts://host[:port] or mqtt://host[:port]');
    } else if (parsed.username !== '' || parsed.password !== '') {
      problem('url', 'must not hold a password: use username and passwordFile');
    } else if (parsed.protocol === 'mqtt:') {
      const host = parsed.hostname.replace(/^\[|\]$/g, '');
      if (!isLoopback(host) && !plaintext)
        problem('url', `is without TLS on ${host}; use mqtts://, or set plaintext: true`);
      for (const key of ['caFile', 'certFile', 'keyFile'] as const) {
        if (its[key] !== undefined) problem(key, 'has no meaning with mqtt://; use mqtts://');
      }
    }
    if ((its.certFile === undefined) !== (its.keyFile === undefined)) {
      problem(its.certFile === undefined ? 'certFile' : 'keyFile', 'is missing: a client certificate needs both files');
    }
    if (its.passwordFile !== undefined && its.username === undefined) {
      problem('username', 'is missing: a password needs one');
    }
    for (const twice of repeated(topics.map(({ filter }) => filter))) problem('topics', `has ${twice} twice`);
  });

/** Name of the gateway's session at that broker. */
export function clientIdOf(client: Pick<z.output<typeof mqttClient>, 'clientId' | 'name'>, gateway: string): string {
  return client.clientId ?? `headwater-${gateway}-${client.name}`;
}

/** MQTT 3.1.1, section 4.7. */
function isFilter(filter: string): boolean {
  const levels = filter.split('/');
  return levels.every((level, i) => {
    if (level === '#') return i === levels.length - 1;
    return level === '+' || !/[+#\0]/.test(level);
  });
}
