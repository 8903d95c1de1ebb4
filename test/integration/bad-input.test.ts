import { appendFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DeadLetter, Reading } from '../../contract/index.ts';
import { collect } from '../support/testbed.ts';
import { openVictims, type Victims } from '../support/victims.ts';

const HOUR = 3_600_000;
const YEAR = 365 * 24 * HOUR;

let platform: Victims;
let line: Server;
let port: number;
let board: Socket | undefined;
let letters: Awaited<ReturnType<typeof collect>>;
let readings: Awaited<ReturnType<typeof collect>>;

beforeAll(async () => {
  line = createServer((socket) => {
    board = socket;
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => line.once('listening', resolve));
  port = (line.address() as { port: number }).port;
  platform = await openVictims(1, {
    HEADWATER_GATEWAY__INPUTS__SERIAL: `[{path: "tcp://127.0.0.1:${port}", acknowledge: true}]`,
  });
  await Promise.all([platform.gateway.start(), platform.hub.start()]);
  letters = await collect(platform.bed, 'dead-letters');
  readings = await collect(platform.bed, 'iot.readings');
});

afterAll(async () => {
  await Promise.allSettled([letters?.close(), readings?.close()]);
  await platform?.close();
  board?.destroy();
  line?.close();
});

const deadLetters = () => letters.records.map((r) => JSON.parse(r.value!.toString()) as DeadLetter);
const readingsOf = (device: string) =>
  readings.records.map((r) => JSON.parse(r.value!.toString()) as Reading).filter((r) => r.device === device);

/** Waits for the dead letter of these bytes. */
async function letterOf(bytes: Buffer): Promise<DeadLetter> {
  const found = () => deadLetters().find((letter) => letter.bytes === bytes.toString('base64'));
  await platform.until(
    `a dead letter holds ${JSON.stringify(bytes.toString('latin1').slice(0, 60))}`,
    60,
    () => found() !== undefined,
  );
  return found()!;
}

async function publish(messages: readonly (readonly [topic: string, payload: string | Buffer])[]): Promise<void> {
  const { url, username, password } = platform.login;
  const client = await connectAsync(url, {
    username: username!,
    password: password!,
    clientId: 'bad',
    protocolVersion: 4,
  });
  // Every one is acknowledged: a device must not send for ever what nobody will ever understand.
  for (const [topic, payload] of messages) await client.publishAsync(topic, payload, { qos: 1 });
  await client.endAsync();
}

test.each([
  ['not JSON', 'devices/d1/temperature', '{"value":', /JSON/],
  ['no number', 'devices/d1/temperature', '"warm"', /number|value/i],
  ['NaN', 'devices/d1/temperature', '{"value":NaN}', /JSON|NaN/],
  ['a number as text', 'devices/d1/temperature', '{"value":"21.4"}', /number/],
  ['out of range', 'devices/d1/humidity', '250', /250.*outside 0…100/],
  ['a device name that is none', 'devices/a b$c/temperature', '1', /name|device|topic/i],
  ['a topic outside devices/', 'elsewhere/d1', '2', /user devices .* may not publish to this topic/],
  ['a topic too deep', 'devices/d1/temperature/indoor/left', '3', /topic/i],
  ['an empty payload', 'devices/d1/pressure', '', /empty|JSON|number/i],
  ['bytes that are no text', 'devices/d1/voltage', Buffer.from([0xff, 0xfe, 0x80]), /UTF-8|JSON|text/i],
] as const)('MQTT: %s goes to dead letters with origin and reason', async (_, topic, payload, reason) => {
  await publish([[topic, payload]]);
  const letter = await letterOf(Buffer.from(payload));
  expect(letter.reason).toMatch(reason);
  expect(letter.origin).toContain('mqtt');
  expect(letter.code).toMatch(/^[A-Z_]+$/);
});

test('a message with one bad value keeps its good ones', async () => {
  const payload = '{"ts":1780000000000,"values":{"temperature":19.25,"humidity":-3}}';
  await publish([['devices/half', payload.replace('1780000000000', String(Date.now()))]]);
  await platform.until('the good value is counted', 60, () => readingsOf('half').length === 1);
  expect(readingsOf('half')[0]).toMatchObject({ metric: 'temperature', value: 19.25 });
  await platform.until('the bad one is a dead letter', 60, () =>
    deadLetters().some((l) => /humidity.*outside/.test(l.reason)),
  );
});

test('serial: noise, half lines and over-long lines go to dead letters, and the next good line is acknowledged', async () => {
  await platform.until('the gateway has opened the line', 30, () => board !== undefined);
  let answers = '';
  board!.on('data', (bytes) => {
    answers += bytes;
  });
  const half = '{"device":"s1","boot":"a1b2c3d4","n":1,"val';
  const garbage = Buffer.from([0x00, 0xc3, 0x28, 0xff, 0x41]);
  board!.write(Buffer.concat([garbage, Buffer.from(`\n${half}\n${'x'.repeat(5_000)}\n`)]));
  board!.write('{"device":"s1","boot":"a1b2c3d4","n":2,"values":{"temperature":20.5}}\n');
  await platform.until('the good line is acknowledged', 30, () => answers.includes('ACK a1b2c3d4 2\n'));
  expect((await letterOf(garbage)).origin).toContain(`serial:tcp://127.0.0.1:${port}`);
  expect((await letterOf(Buffer.from(half))).reason).toMatch(/JSON/);
  await platform.until('the long line is a dead letter', 30, () => deadLetters().some((l) => /long/i.test(l.reason)));
  await platform.until('the good line is counted', 30, () => readingsOf('s1').length === 1);
});

test('access log and transactions: what cannot be read goes to dead letters with its place in the file', async () => {
  const request = 'GET only half of a line';
  const transaction =
    '{"id":"t-1","account":"a","counterparty":"b","amount":12.5,"currency":"CHF","type":"card","ts":1780000000000}';
  appendFileSync(join(platform.simulated, 'access.log'), `${request}\n`);
  appendFileSync(join(platform.simulated, 'transactions.jsonl'), `${transaction}\n`);
  expect((await letterOf(Buffer.from(request))).origin).toMatch(/access\.log@0$/);
  const letter = await letterOf(Buffer.from(transaction));
  expect(letter.origin).toMatch(/transactions\.jsonl@0$/);
  expect(letter.reason).toMatch(/amount/);
});

test('clocks that are off are corrected where that can be known, and said to be', async () => {
  const now = Date.now();
  const sentBy = (offset: number) =>
    JSON.stringify({ ts: now + offset - 5_000, sentAt: now + offset, values: { temperature: 7 } });
  await publish([
    ['devices/right', JSON.stringify({ ts: now, values: { temperature: 7 } })],
    ['devices/hour-fast', sentBy(HOUR)],
    ['devices/hour-slow', sentBy(-HOUR)],
    ['devices/ten-years-fast', sentBy(10 * YEAR)],
    ['devices/ten-years-slow', sentBy(-10 * YEAR)],
    // Without the time of sending, ten years can only be taken for nonsense.
    ['devices/lost-in-time', JSON.stringify({ ts: now - 10 * YEAR, values: { temperature: 7 } })],
  ]);
  const names = ['right', 'hour-fast', 'hour-slow', 'ten-years-fast', 'ten-years-slow', 'lost-in-time'];
  await platform.until('all are counted', 60, () => names.every((name) => readingsOf(name).length === 1));
  const of = (name: string) => readingsOf(name)[0]!;
  expect(of('right').ts).toBe(now);
  expect(of('right').clock).toBeUndefined();
  for (const name of names.slice(1, 5)) {
    expect(of(name).clock, name).toBe('corrected');
    // Measured five seconds before it was sent, and sending takes no time as far as a gateway can know.
    expect(of(name).ts, name).toBe(of(name).receivedAt - 5_000);
  }
  expect(of('lost-in-time')).toMatchObject({ clock: 'replaced', ts: of('lost-in-time').receivedAt });
});

test('all of it is counted and shown', async () => {
  const shown = async () => (await platform.hubSummary()) as unknown as { deadLetters: number };
  await platform.until(
    'the page counts every dead letter',
    60,
    async () => (await shown()).deadLetters === deadLetters().length,
  );
  expect(deadLetters().length).toBeGreaterThanOrEqual(15);
});
