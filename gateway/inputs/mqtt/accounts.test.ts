import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Authority, type Certificate, openAuthority } from '../../../infra/local/index.ts';
import { type Account, hashPassword } from './accounts.ts';
import { testBrokers } from './testing.ts';

const { open } = testBrokers();
const OWN = { publish: ['devices/{username}', 'devices/{username}/#'], subscribe: [] };
const READING = '{"values":{"temperature":20}}';

describe('a password', () => {
  let accounts: Map<string, Account>;
  beforeAll(async () => {
    accounts = new Map([['dev', { ...OWN, passwordHash: await hashPassword('secret') }]]);
  });

  test('lets in who has it, and nobody else', async () => {
    const { device } = await open({ accounts });
    await device({ username: 'dev', password: 'secret' });
    await expect(device({ username: 'dev', password: 'wrong' })).rejects.toMatchObject({ code: 4 });
    await expect(device({ username: 'other', password: 'secret' })).rejects.toMatchObject({ code: 4 });
    await expect(device()).rejects.toMatchObject({ code: 4 });
  });

  test('does not let in by an account that has none', async () => {
    const { device } = await open({ accounts: new Map([['dev', OWN]]) });
    await expect(device({ username: 'dev', password: '' })).rejects.toMatchObject({ code: 4 });
  });

  test('does not let one user take over the client id of another', async () => {
    const passwordHash = await hashPassword('secret');
    const { device } = await open({ accounts: new Map(['a', 'b'].map((name) => [name, { ...OWN, passwordHash }])) });
    const a = await device({ username: 'a', password: 'secret', clientId: 'pump', clean: false });
    await expect(device({ username: 'b', password: 'secret', clientId: 'pump' })).rejects.toMatchObject({ code: 2 });
    await a.endAsync();
    await expect(device({ username: 'b', password: 'secret', clientId: 'pump' })).rejects.toMatchObject({ code: 2 });
  });
});

describe('rights', () => {
  const login = { username: 'pump', password: 'x' };
  const rights = async (publish: string[], subscribe: string[] = []) =>
    open({ accounts: new Map([['pump', { publish, subscribe, passwordHash: await hashPassword('x') }]]) });

  test('what is published elsewhere is acknowledged, becomes a dead letter, and the operator is told', async () => {
    const { device, submissions, input } = await rights(OWN.publish);
    const client = await device({ ...login, clientId: 'p1' });
    for (const qos of [0, 1, 2] as const) await client.publishAsync('devices/other', READING, { qos });
    await client.publishAsync('devices/pump', READING, { qos: 1 });
    await client.publishAsync('devices/pump/temperature', '20', { qos: 1 });
    const entries = submissions.flatMap((submission) => submission.entries);
    expect(entries.map(({ kind }) => kind)).toEqual(['rejected', 'rejected', 'rejected', 'reading', 'reading']);
    expect(JSON.parse(entries[0]!.value)).toMatchObject({
      origin: 'mqtt:devices/other',
      code: 'TOPIC_FORBIDDEN',
      reason: 'user pump (client p1) may not publish to this topic',
      bytes: Buffer.from(READING).toString('base64'),
    });
    expect(input.status().detail).toContain('3 messages to topics their sender may not use');
  });

  test('a will is held to them too', async () => {
    const { device, submissions } = await rights(OWN.publish);
    const will = { topic: 'devices/other', payload: Buffer.from(READING), qos: 1, retain: false } as const;
    const client = await device({ ...login, will });
    client.stream.destroy();
    await vi.waitFor(() => expect(submissions[0]?.entries[0]?.kind).toBe('rejected'));
  });

  test('nothing can be subscribed to unless it is listed', async () => {
    const { device } = await rights(OWN.publish, ['commands/{username}/#']);
    const client = await device(login);
    for (const topic of ['#', 'devices/pump', '$SYS/#', 'commands/other/#', 'commands/+/x']) {
      await expect(client.subscribeAsync(topic)).rejects.toMatchObject({ packet: { granted: [0x80] } });
    }
    expect(await client.subscribeAsync('commands/pump/+', { qos: 1 })).toMatchObject([{ qos: 1 }]);
  });

  test('what is denied within a granted subscription does not come', async () => {
    const { device } = await rights(['#'], ['#', '!secret/#']);
    const client = await device(login);
    const topics: string[] = [];
    client.on('message', (topic) => topics.push(topic));
    await client.subscribeAsync('#');
    await client.publishAsync('secret/x', '1', { qos: 1 });
    await client.publishAsync('open/x', '1', { qos: 1 });
    await vi.waitFor(() => expect(topics).toEqual(['open/x']));
  });
});

describe('a client certificate', () => {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-mqtt-pki-'));
  let authority: Authority;
  let stranger: Authority;
  let tls: { cert: string; key: string; clientCa: string };
  let pump: Certificate;
  afterAll(() => rmSync(dir, { recursive: true }));
  beforeAll(async () => {
    authority = await openAuthority(join(dir, 'own'));
    stranger = await openAuthority(join(dir, 'stranger'));
    const { cert, key } = await authority.issue({ name: 'gateway', ips: ['127.0.0.1'], server: true });
    tls = { cert, key, clientCa: authority.ca };
    pump = await authority.issue({ name: 'pump', client: true });
  });
  const by = ({ cert, key }: Certificate) => ({ ca: authority.ca, cert, key });

  test('is the user its common name names, with nothing listed for it', async () => {
    const { device, submissions } = await open({ tls, accounts: new Map() });
    const client = await device(by(pump));
    await client.publishAsync('devices/pump', READING, { qos: 1 });
    await client.publishAsync('devices/other', READING, { qos: 1 });
    expect(submissions.map(({ entries }) => entries[0]?.kind)).toEqual(['reading', 'rejected']);
  });

  test('has the rights of the account of that name', async () => {
    const { device, submissions } = await open({
      tls,
      accounts: new Map([['pump', { publish: ['devices/#'], subscribe: [] }]]),
    });
    const client = await device(by(pump));
    await client.publishAsync('devices/other', READING, { qos: 1 });
    expect(submissions.map(({ entries }) => entries[0]?.kind)).toEqual(['reading']);
  });

  test('does not speak for another user name', async () => {
    const { device } = await open({ tls, accounts: new Map() });
    await device({ ...by(pump), username: 'pump' });
    await expect(device({ ...by(pump), username: 'other', password: 'x' })).rejects.toMatchObject({ code: 4 });
  });

  test('is needed where it is required', async () => {
    const accounts = new Map([['dev', { ...OWN, passwordHash: await hashPassword('secret') }]]);
    const { device } = await open({ tls, accounts });
    await expect(device({ ca: authority.ca, username: 'dev', password: 'secret' })).rejects.toThrow();
    const other = await stranger.issue({ name: 'pump', client: true });
    await expect(device({ ...by(other) })).rejects.toThrow();
  });

  test('of another authority is taken from the moment the gateway is told so, and those of the old one no longer', async () => {
    const { input, device } = await open({ tls, accounts: new Map() });
    await device(by(pump));
    const other = { ...by(await stranger.issue({ name: 'pump', client: true })), ca: authority.ca };
    await expect(device(other)).rejects.toThrow();
    const { cert, key } = tls;
    input.renew({
      host: '127.0.0.1',
      port: 0,
      maxClients: 10,
      accounts: new Map(),
      tls: { cert, key, clientCa: stranger.ca },
    });
    await device(other);
    await expect(device(by(pump))).rejects.toThrow();
  });

  test('can be had beside passwords where it is optional, but a false one is no way in', async () => {
    const accounts = new Map([['dev', { ...OWN, passwordHash: await hashPassword('secret') }]]);
    const { device } = await open({ tls: { ...tls, clientCertificates: 'optional' }, accounts });
    await device({ ca: authority.ca, username: 'dev', password: 'secret' });
    await device(by(pump));
    await expect(device({ ca: authority.ca })).rejects.toMatchObject({ code: 4 });
    const other = await stranger.issue({ name: 'pump', client: true });
    await expect(device({ ...by(other), username: 'dev', password: 'secret' })).rejects.toMatchObject({ code: 4 });
  });
});
