import { z } from 'zod';
import { duration, name, size } from '../../contract/index.ts';

const port = z.int().min(0).max(65_535);
const file = z.string().min(1).describe('A path, relative to the folder of this file.');
const SCRYPT = /^scrypt\$\d+\$\d+\$\d+\$[\w+/=]+\$[\w+/=]+$/;

const account = z
  .strictObject({
    username: z.string().min(1).max(128),
    passwordFile: file.optional(),
    passwordHash: z
      .string()
      .regex(SCRYPT, 'must be scrypt$N$r$p$salt$hash')
      .optional()
      .describe('scrypt$N$r$p$salt$hash, salt and hash in base64.'),
  })
  .refine(({ passwordFile, passwordHash }) => (passwordFile === undefined) !== (passwordHash === undefined), {
    message: 'must have either passwordFile or passwordHash',
  });

const mqtt = z
  .strictObject({
    host: z.string().min(1).default('127.0.0.1').describe('Address to listen on; 0.0.0.0 for all of them.'),
    port: port.default(1883).describe('TCP port, 8883 by custom with TLS; 0 takes a free one.'),
    tls: z
      .strictObject({ certFile: file, keyFile: file })
      .optional()
      .describe('PEM certificate and key. With them the port speaks TLS only.'),
    anonymous: z.boolean().default(false).describe('Let devices in without a password. On loopback only.'),
    plaintext: z
      .boolean()
      .default(false)
      .describe('Let devices in from the network without TLS: passwords are readable.'),
    accounts: z.array(account).default([]).describe('Who may connect.'),
    maxClients: z.int().min(1).default(1_000).describe('Connections at a time.'),
  })
  .superRefine(({ host, tls, anonymous, plaintext, accounts }, context) => {
    const loopback = isLoopback(host);
    const problem = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (anonymous && !loopback) problem('anonymous', `is allowed on loopback only, and host is ${host}; list accounts`);
    if (!anonymous && accounts.length === 0) problem('accounts', 'nobody could connect: list at least one account');
    if (!loopback && tls === undefined && !plaintext) {
      problem('tls', `is missing while host is ${host}; give a certificate, or set plaintext: true`);
    }
    const names = accounts.map(({ username }) => username);
    for (const twice of new Set(names.filter((username, at) => names.indexOf(username) !== at))) {
      problem('accounts', `has the user "${twice}" twice`);
    }
  });

const serial = z.strictObject({
  path: z
    .string()
    .regex(/^(\/|[A-Z]+\d|tcp:\/\/[^/:]+:\d+$)/, 'must be a device file such as /dev/ttyUSB0, or tcp://host:port')
    .describe('A device file such as /dev/ttyUSB0, or tcp://host:port for a line behind a network server.'),
  baudRate: z.int().min(50).max(4_000_000).default(115_200),
  acknowledge: z.boolean().default(true).describe('Answer "ACK <boot> <n>" to each frame that is on disk.'),
});

const inputs = z
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
    const paths = serial.map(({ path }) => path);
    for (const twice of new Set(paths.filter((path, at) => paths.indexOf(path) !== at))) {
      context.addIssue({ code: 'custom', path: ['serial'], message: `has the port ${twice} twice` });
    }
  });

export const GatewayConfig = z.strictObject({
  gateway: z.strictObject({
    id: name.max(59).describe('Unique among the gateways of a platform; the host’s own device is <id>-host.'),
    site: name.describe('Where it stands.'),
  }),
  buffer: z.strictObject({
    dir: file.describe('Folder of the buffer, on a disk that honours a sync; made if it is missing.'),
    maxBytes: size
      .pipe(z.number().min(1_048_576, 'must be at least 1 MiB'))
      .default(2 * 1_024 ** 3)
      .describe('Largest size on disk, journal included, such as 2 GiB.'),
    maxAge: duration.default(30 * 86_400_000).describe('Oldest reading kept, such as 30d.'),
    whenFull: z
      .enum(['reject-new', 'drop-oldest'])
      .default('reject-new')
      .describe('reject-new: devices are refused and keep their data. drop-oldest: the oldest readings are given up.'),
    liveWithin: duration
      .default(10_000)
      .describe('Readings go to the backlog lane while the oldest live one not yet sent is older than this.'),
  }),
  kafka: z.strictObject({
    brokers: z.array(z.string().regex(/^.+:\d+$/, 'must be host:port')).min(1),
    caFile: file.describe('PEM file of the authority that signed the brokers’ certificates.'),
    username: z.string().min(1).default('gateway'),
    passwordFile: file.describe('File that holds the password, with nothing else in it.'),
  }),
  inputs,
  forwarder: z
    .strictObject({
      backlogShare: z
        .number()
        .min(0)
        .max(1)
        .default(0.5)
        .describe('Share of the records sent that the backlog gets while there are live ones.'),
    })
    .prefault({}),
  http: z
    .strictObject({
      host: z.string().min(1).default('127.0.0.1').describe('Loopback unless told otherwise.'),
      port: port.default(8790).describe('Port of /health, /status and /metrics; 0 takes a free one.'),
    })
    .prefault({}),
});
export type GatewayConfig = z.output<typeof GatewayConfig>;

/** JSON Schema of the configuration file, for editors. */
export function gatewayJsonSchema(): object {
  return { title: 'Headwater gateway', ...z.toJSONSchema(GatewayConfig, { io: 'input' }) };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
