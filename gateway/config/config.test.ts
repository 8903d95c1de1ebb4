import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { ALL_TOPICS, HeadwaterError } from '../../contract/index.ts';
import { loadGatewayConfig, readSecret } from './index.ts';

const dirs: string[] = [];
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true });
});

function write(text: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-config-'));
  dirs.push(dir);
  writeFileSync(join(dir, 'gateway.yaml'), text);
  return join(dir, 'gateway.yaml');
}

const MINIMAL = `
gateway: { id: gw-1, site: plant }
buffer: { dir: data }
kafka: { brokers: [localhost:9092], caFile: ca.pem, passwordFile: kafka.password }
inputs: { host: {} }
`;

function detailsOf(text: string): readonly string[] {
  try {
    loadGatewayConfig(write(text), {});
  } catch (error) {
    expect(error).toBeInstanceOf(HeadwaterError);
    expect((error as HeadwaterError).code).toBe('CONFIG_INVALID');
    return (error as HeadwaterError).details;
  }
  return expect.fail('the configuration was accepted');
}

test('the example is valid', () => {
  const config = loadGatewayConfig(join(import.meta.dirname, 'example.yaml'), {});
  expect(config.buffer).toMatchObject({ maxBytes: 2_147_483_648, maxAge: 2_592_000_000, liveWithin: 10_000 });
  expect(config.inputs.serial).toHaveLength(2);
});

test('what is joined with readings is remembered for as long as a buffer keeps them', () => {
  const { maxAge } = loadGatewayConfig(write(MINIMAL), {}).buffer;
  const tables = ALL_TOPICS.filter(({ minCompactionLagMs }) => minCompactionLagMs !== undefined);
  expect(tables.map(({ name }) => name)).toContain('devices');
  for (const { minCompactionLagMs } of tables) expect(minCompactionLagMs).toBeGreaterThan(maxAge);
});

test('what is left out is set safely, and paths start at the file', () => {
  const path = write(MINIMAL);
  const config = loadGatewayConfig(path, {});
  expect(config.http).toEqual({ host: '127.0.0.1', port: 8790 });
  expect(config.buffer).toMatchObject({ whenFull: 'reject-new', dir: join(path, '../data') });
  expect(config.kafka.passwordFile).toBe(join(path, '../kafka.password'));
});

test('the environment overrides the file', () => {
  const env = {
    HEADWATER_GATEWAY__GATEWAY__ID: 'gw-2',
    HEADWATER_GATEWAY__KAFKA__BROKERS: '[a:1, b:2]',
    HEADWATER_GATEWAY__BUFFER__MAX_BYTES: '64 MiB',
  };
  const config = loadGatewayConfig(write(MINIMAL), env);
  expect(config.gateway.id).toBe('gw-2');
  expect(config.kafka.brokers).toEqual(['a:1', 'b:2']);
  expect(config.buffer.maxBytes).toBe(64 * 1_024 ** 2);
});

test('every problem is told at once, by path and line', () => {
  const details = detailsOf(`
gateway: { id: "gw 1", site: plant }
buffer:
  maxBytes: much
  colour: blue
kafka: { brokers: [localhost], caFile: ca.pem, passwordFile: p }
inputs:
  mqtt: { port: 99999 }
  serial: [{ path: ttyUSB0 }]
`);
  for (const start of [
    'gateway.id (line 2)',
    'buffer.dir (line 3): is missing',
    'buffer.maxBytes (line 4): must be a quantity',
    'buffer.colour (line 5): is not a setting',
    'kafka.brokers.0 (line 6): must be host:port',
    'inputs.mqtt.port (line 8)',
    'inputs.serial.0.path (line 9): must be a device file',
  ]) {
    expect(details).toContainEqual(expect.stringContaining(start));
  }
});

test.each([
  ['anonymous beyond loopback', '{ host: 0.0.0.0, anonymous: true, plaintext: true }', 'inputs.mqtt.anonymous'],
  ['nobody who could connect', '{}', 'inputs.mqtt.accounts'],
  ['plain text beyond loopback', '{ host: 0.0.0.0, accounts: [{ username: a, passwordFile: p }] }', 'inputs.mqtt.tls'],
  ['an account without a password', '{ accounts: [{ username: a }] }', 'inputs.mqtt.accounts.0'],
  ['a password in the file', '{ accounts: [{ username: a, password: b }] }', 'inputs.mqtt.accounts.0.password'],
  ['a broken hash', '{ accounts: [{ username: a, passwordHash: x }] }', 'inputs.mqtt.accounts.0.passwordHash'],
  [
    'a placeholder that nobody fills in',
    '{ accounts: [{ username: a, passwordFile: p, publish: ["devices/{user}/#"] }] }',
    'inputs.mqtt.accounts.0.publish.0',
  ],
  [
    'a wildcard that stands not alone',
    '{ accounts: [{ username: a, passwordFile: p, publish: ["devices/a+"] }] }',
    'inputs.mqtt.accounts.0.publish.0',
  ],
  [
    'client certificates nobody could check',
    '{ tls: { certFile: c, keyFile: k, clientCertificates: required }, accounts: [{ username: a, passwordFile: p }] }',
    'inputs.mqtt.tls.clientCaFile',
  ],
])('MQTT is refused with %s', (_name, mqtt, path) => {
  const details = detailsOf(MINIMAL.replace('{ host: {} }', `{ mqtt: ${mqtt} }`));
  expect(details.join('\n')).toContain(path);
});

test('who has a client certificate needs no account, and an account needs no password then', () => {
  const tls = '{ certFile: c, keyFile: k, clientCaFile: ca.pem }';
  for (const accounts of ['[]', '[{ username: pump, publish: ["devices/#", "!devices/other/#"] }]']) {
    const path = write(MINIMAL.replace('{ host: {} }', `{ mqtt: { tls: ${tls}, accounts: ${accounts} } }`));
    expect(loadGatewayConfig(path, {}).inputs.mqtt?.tls?.clientCaFile).toBe(join(path, '../ca.pem'));
  }
});

test('a gateway without inputs is refused', () => {
  expect(detailsOf(MINIMAL.replace('{ host: {} }', '{}'))[0]).toContain('nothing to read from');
});

test('a file that is far too large is refused unread', () => {
  const path = write(MINIMAL);
  truncateSync(path, 100_000_000_000);
  expect(() => loadGatewayConfig(path, {})).toThrow('larger than 1 MiB');
  expect(() => readSecret(path, 'the Kafka password')).toThrow('larger than 1 MiB');
});

test('a file that is not there and a secret that is not there are named', () => {
  expect(() => loadGatewayConfig('/no/such/file.yaml', {})).toThrow('/no/such/file.yaml');
  expect(() => readSecret('/no/such/secret', 'the Kafka password')).toThrow('the Kafka password cannot be read');
});

test.each([
  [
    'neither a password nor a certificate',
    '',
    'kafka.passwordFile',
    'give passwordFile (SASL/SCRAM), or certFile and keyFile',
  ],
  ['both', ', passwordFile: p, certFile: c, keyFile: k', 'kafka.passwordFile', 'not both'],
  ['a certificate without its key', ', certFile: c', 'kafka.keyFile', 'certFile needs its key'],
  ['a key without its certificate', ', keyFile: k', 'kafka.certFile', 'keyFile needs its certificate'],
  ['a user beside a certificate', ', username: u, certFile: c, keyFile: k', 'kafka.username', 'names the user itself'],
])('Kafka is refused with %s', (_name, login, path, message) => {
  const details = detailsOf(MINIMAL.replace(', passwordFile: kafka.password', login));
  expect(details).toEqual([expect.stringMatching(new RegExp(`^${path}[ :]`))]);
  expect(details[0]).toContain(message);
});

test.each([
  ['brokers: [localhost:9092]', 'brokers: [localhost:99999]', 'kafka.brokers.0'],
  ['brokers: [localhost:9092]', 'brokers: ["https://localhost:9092"]', 'kafka.brokers.0'],
  ['host: {}', 'host: { every: 0s }', 'inputs.host.every'],
  ['host: {}', 'host: { every: 30d }', 'inputs.host.every'],
  ['host: {}', 'serial: [{ path: "tcp://ser2net:99999" }]', 'inputs.serial.0.path'],
  ['dir: data', 'dir: data, maxAge: 0d', 'buffer.maxAge'],
])('%s is refused as %s', (good, wrong, path) => {
  expect(detailsOf(MINIMAL.replace(good, wrong))[0]).toContain(path);
});

test.each([
  ['cut short, which would let anybody in', 'scrypt$16384$8$1$bm90IGEgc2VjcmV0$='],
  ['whose N is no power of 2', 'scrypt$16383$8$1$bm90IGEgc2VjcmV0$AAAAAAAAAAAAAAAAAAAAAA=='],
  ['that takes all memory there is', 'scrypt$1073741824$8$1$bm90IGEgc2VjcmV0$AAAAAAAAAAAAAAAAAAAAAA=='],
])('a password hash is refused %s, and not repeated in the message', (_name, hash) => {
  const mqtt = `{ accounts: [{ username: a, passwordHash: "${hash}" }] }`;
  const details = detailsOf(MINIMAL.replace('{ host: {} }', `{ mqtt: ${mqtt} }`));
  expect(details).toEqual([expect.stringContaining('inputs.mqtt.accounts.0.passwordHash')]);
  expect(details[0]).not.toContain(hash);
});

describe('what is sound alone and cannot be had together', () => {
  const problemsOf = (inputs: string, more = '') => detailsOf(`${MINIMAL.replace('{ host: {} }', inputs)}${more}`);
  const client = (name: string, more: string) => `{ name: ${name}, topics: [{ filter: a }], ${more} }`;

  test.each([
    ['the same address', '127.0.0.1', '127.0.0.1'],
    ['one of them everywhere', '0.0.0.0', '127.0.0.1'],
    ['another name of it', '127.0.0.1', 'localhost'],
  ])('the broker and the health server on one port: %s', (_name, mqtt, http) => {
    const broker = `{ mqtt: { host: ${mqtt}, port: 1885, plaintext: true, accounts: [{ username: a, passwordFile: p }] } }`;
    const details = problemsOf(broker, `http: { host: ${http}, port: 1885 }\n`);
    expect(details).toEqual([
      expect.stringMatching(/^http\.port \(line 6\): is 1885, which inputs\.mqtt\.port has too/),
    ]);
  });

  test.each([
    [
      'given twice',
      client('a', 'url: mqtts://b.example:8883, clientId: x'),
      client('b', 'url: mqtts://B.example, clientId: x'),
    ],
    [
      'given as another’s own',
      client('a', 'url: mqtt://127.0.0.1'),
      client('b', 'url: mqtt://localhost, clientId: headwater-gw-1-a'),
    ],
  ])('two clients of one broker under one id: %s', (_name, one, other) => {
    const details = problemsOf(`{ mqttClients: [${one}, ${other}] }`);
    expect(details).toEqual([expect.stringMatching(/^inputs\.mqttClients\.1\.clientId .*is that of "a" too/)]);
  });

  test('two ports, two addresses and two brokers are no conflict', () => {
    const its = 'clientId: x, url: "mqtts://b.example';
    const clients = `[${client('a', `${its}:8883"`)}, ${client('b', `${its}:8884"`)}]`;
    const inputs = `{ mqtt: { host: 127.0.0.2, port: 1885, anonymous: true }, mqttClients: ${clients} }`;
    const path = write(`${MINIMAL.replace('{ host: {} }', inputs)}http: { port: 1885 }\n`);
    expect(loadGatewayConfig(path, {}).inputs.mqttClients).toHaveLength(2);
    const free = MINIMAL.replace('{ host: {} }', '{ mqtt: { port: 0, anonymous: true } }');
    expect(loadGatewayConfig(write(`${free}http: { port: 0 }\n`), {}).http.port).toBe(0);
  });
});
