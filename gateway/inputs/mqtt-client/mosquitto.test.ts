import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  findMosquitto,
  type Mosquitto,
  type MosquittoOptions,
  openAuthority,
  startMosquitto,
} from '../../../infra/local/index.ts';
import type { Outcome } from '../../buffer/index.ts';
import type { Message } from '../input.ts';
import type { Access } from './connection.ts';
import { type MqttClientOptions, mqttClientInput } from './input.ts';

// With the real broker. What a whole gateway makes of it stands in test/integration/mqtt-client.test.ts.

const PATIENCE = { interval: 20 };
const closers: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-mosquitto-'));
  closers.push(() => rmSync(dir, { recursive: true }));
  return dir;
}

async function broker(options: Partial<MosquittoOptions> = {}): Promise<Mosquitto> {
  const mosquitto = await startMosquitto({ dir: folder(), ...options });
  closers.push(() => mosquitto.stop());
  return mosquitto;
}

async function secured({ askForCertificate = false, name = 'localhost' } = {}) {
  const authority = await openAuthority(join(folder(), 'pki'));
  const server = await authority.issue({ name: 'broker', dns: [name], server: true });
  const users = { gateway: 'secret', device: 'secret' };
  const tls = { ...server, caPath: authority.caPath, askForCertificate };
  const mosquitto = await broker({ tls, ...(!askForCertificate && { users }) });
  return { mosquitto, authority, ca: authority.ca };
}

/** The gateway's side: what it took, and how it answers. */
async function gateway(mosquitto: Mosquitto, options: Partial<MqttClientOptions> = {}) {
  const messages: string[] = [];
  const outcome: { now: Outcome } = { now: 'stored' };
  const input = mqttClientInput({
    name: 'mqtt-client:test',
    url: mosquitto.url,
    clientId: 'gw',
    subscriptions: [{ filter: 'd/#', qos: 1 }],
    sessionFile: join(folder(), 'session.json'),
    access: {},
    ...options,
  });
  await input.start(({ topic, payload }: Message) => {
    if (outcome.now !== 'refused') messages.push(`${topic} ${payload}`);
    return { id: undefined, outcome: Promise.resolve(outcome.now), size: 0 };
  });
  closers.push(() => input.close());
  const reached = (state: string) => vi.waitFor(() => expect(input.status().state).toBe(state), PATIENCE);
  return { input, messages, outcome, reached };
}

async function device(mosquitto: Mosquitto, access: Access = {}): Promise<MqttClient> {
  const client = await connectAsync(mosquitto.url, { ...access, reconnectPeriod: 200 });
  client.on('error', () => {});
  closers.push(() => client.endAsync(true));
  return client;
}

const publish = (client: MqttClient, topic: string, payload: string, retain = false) =>
  client.publishAsync(topic, payload, { qos: 1, retain });

describe.skipIf(findMosquitto('mosquitto') === undefined)('at a real mosquitto', () => {
  test('with TLS and a password', async () => {
    const { mosquitto, ca } = await secured();
    const { messages, reached } = await gateway(mosquitto, { access: { username: 'gateway', password: 'secret', ca } });
    await reached('ok');
    const client = await device(mosquitto, { username: 'device', password: 'secret', ca });
    await publish(client, 'd/x', '1');
    await vi.waitFor(() => expect(messages).toEqual(['d/x 1']), PATIENCE);
  });

  test('a wrong password is told, tried again, and put right without a restart', async () => {
    const { mosquitto, ca } = await secured();
    const { input, reached } = await gateway(mosquitto, { access: { username: 'gateway', password: 'wrong', ca } });
    await reached('failed');
    expect(input.status().detail).toMatch(/correct username and the file of passwordFile|check user name, password/);
    input.renew({ username: 'gateway', password: 'secret', ca });
    await reached('ok');
  });

  test('a broker of another authority is not trusted, and what to do is told', async () => {
    const { mosquitto } = await secured();
    const other = await openAuthority(join(folder(), 'pki'));
    const { input, reached } = await gateway(mosquitto, { access: { username: 'gateway', ca: other.ca } });
    await reached('failed');
    expect(input.status().detail).toContain('caFile');
  });

  test('a broker under another name is not trusted', async () => {
    const { mosquitto, ca } = await secured({ name: 'elsewhere.example' });
    const { input, reached } = await gateway(mosquitto, { access: { username: 'gateway', password: 'secret', ca } });
    await reached('failed');
    expect(input.status().detail).toContain('for another name');
  });

  test('with a client certificate, and not without', async () => {
    const { mosquitto, authority, ca } = await secured({ askForCertificate: true });
    const { cert, key } = await authority.issue({ name: 'gw', client: true });
    const { input, reached } = await gateway(mosquitto, { access: { ca } });
    await reached('failed');
    expect(input.status().detail).toContain('certFile');
    input.renew({ ca, cert, key });
    await reached('ok');
  });

  test('what comes while the gateway is away, and while the broker is, comes afterwards', async () => {
    const mosquitto = await broker();
    const sessionFile = join(folder(), 'session.json');
    const client = await device(mosquitto);
    const first = await gateway(mosquitto, { sessionFile });
    await first.reached('ok');
    await publish(client, 'd/x', '1');
    await vi.waitFor(() => expect(first.messages).toHaveLength(1), PATIENCE);
    await first.input.close();
    await publish(client, 'd/x', '2');

    const second = await gateway(mosquitto, { sessionFile });
    // The first message comes again where its acknowledgement had not gone yet; the buffer, which is not here, knows such repeats.
    const newer = () => second.messages.filter((message) => message !== 'd/x 1');
    await vi.waitFor(() => expect(newer()).toEqual(['d/x 2']), PATIENCE);
    await mosquitto.stop();
    await second.reached('waiting');
    expect(second.input.status().detail).toMatch(/nothing listens there|it closed the connection/);
    await mosquitto.start();
    await second.reached('ok');
    expect(second.input.status().detail).not.toContain('lost the session');
    await publish(client, 'd/x', '3');
    await vi.waitFor(() => expect(newer()).toEqual(['d/x 2', 'd/x 3']), PATIENCE);
  });

  test('a broker that lost the session is subscribed to again, and the loss is told', async () => {
    const mosquitto = await broker({ settings: ['persistence false'] });
    const { input, messages, reached } = await gateway(mosquitto);
    await reached('ok');
    await mosquitto.kill();
    await mosquitto.start();
    await vi.waitFor(() => expect(input.status().detail).toContain('the broker lost the session'), PATIENCE);
    await reached('ok');
    await publish(await device(mosquitto), 'd/x', '1');
    await vi.waitFor(() => expect(messages).toEqual(['d/x 1']), PATIENCE);
  });

  test('topics that are no longer asked for are cancelled in the session', async () => {
    const mosquitto = await broker();
    const sessionFile = join(folder(), 'session.json');
    const before = await gateway(mosquitto, { sessionFile, subscriptions: [{ filter: 'a/#', qos: 1 }] });
    await before.reached('ok');
    await before.input.close();
    const after = await gateway(mosquitto, { sessionFile, subscriptions: [{ filter: 'b/#', qos: 1 }] });
    await after.reached('ok');
    const client = await device(mosquitto);
    await publish(client, 'a/x', '1');
    await publish(client, 'b/x', '2');
    await vi.waitFor(() => expect(after.messages).toContain('b/x 2'), PATIENCE);
    expect(after.messages).toEqual(['b/x 2']);
  });

  test('a retained value is not counted, neither at first nor at each reconnect; what is published live is', async () => {
    const mosquitto = await broker();
    const client = await device(mosquitto);
    await publish(client, 'd/x', 'retained', true);
    const { messages, reached } = await gateway(mosquitto);
    await reached('ok');
    await mosquitto.stop();
    await reached('waiting');
    await mosquitto.start();
    await reached('ok');
    await publish(client, 'd/x', 'live', true);
    await vi.waitFor(() => expect(messages).toEqual(['d/x live']), PATIENCE);
  });

  test('what a full buffer refuses stays at the broker, and comes when there is room', async () => {
    const mosquitto = await broker({ settings: ['max_queued_messages 0'] });
    const { input, messages, outcome, reached } = await gateway(mosquitto);
    await reached('ok');
    outcome.now = 'refused';
    const client = await device(mosquitto);
    const sent = Array.from({ length: 3_000 }, (_, i) => `d/x ${i}`);
    await Promise.all(sent.map((_, i) => publish(client, 'd/x', `${i}`)));
    await vi.waitFor(() => expect(input.status().detail).toContain('the buffer is full'), PATIENCE);
    outcome.now = 'stored';
    await vi.waitFor(() => expect(messages).toHaveLength(3_000), PATIENCE);
    expect(messages).toEqual(sent);
    expect(input.status().lost).toBe(0);
  });
});
