import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Alert, Notification } from '../../../contract/index.ts';
import { parseConfig } from '../../../contract/index.ts';
import { openReceiver, type Receiver } from '../../testing/index.ts';
import { parseMatcher } from '../notify/index.ts';
import { waitMs } from './backoff.ts';
import { AlertsConfig } from './config.ts';
import { deliver } from './deliver.ts';
import { openChannel } from './open.ts';
import { routed } from './route.ts';
import { linesOf, titleOf } from './text.ts';
import { signatureOf } from './webhook.ts';

const T = Date.UTC(2026, 10, 2, 12);
const alert = (more: Partial<Alert> = {}): Alert => ({
  ...{ id: `web-errors/${more.series ?? '/cart'}@${T}`, rule: 'web-errors', series: '/cart', state: 'firing' },
  ...{ severity: 'critical', summary: 'of the requests to /cart a share of 0.2 failed', value: 0.2 },
  ...{ since: T, ts: T, labels: { path: '/cart' }, ...more },
});
const notification = (more: Partial<Notification> = {}): Notification => ({
  ...{ id: 'n-1', ts: T, group: 'rule=web-errors', labels: { rule: 'web-errors', site: 'shop' }, state: 'firing' },
  ...{ repeated: false, firing: 1, resolved: 0, alerts: [alert()], omitted: 0, repeatBy: T + 3_600_000, ...more },
});

let receiver: Receiver;
let dir: string;
beforeAll(async () => {
  receiver = await openReceiver();
  dir = mkdtempSync(join(tmpdir(), 'headwater-channels-'));
});
afterAll(async () => {
  await receiver.close();
  rmSync(dir, { recursive: true });
});
afterEach(() => {
  receiver.received.length = 0;
  receiver.answer = { status: 200 };
});

function secret(name: string, text: string): string {
  const file = join(dir, name);
  writeFileSync(file, `${text}\n`, { mode: 0o600 });
  return file;
}
const config = (settings: object) =>
  parseConfig(AlertsConfig, { text: JSON.stringify({ channels: [settings] }), file: 'hub.yaml', env: {}, prefix: 'X' })
    .channels[0]!;
const open = (settings: object) => openChannel(config({ name: 'c', ...settings }), () => T);
const hook = (more: object = {}) => open({ kind: 'webhook', url: receiver.url, ...more });
const soon = () => AbortSignal.timeout(60_000);

test('a webhook gets the notification as it is, with its id, signed over time and body', async () => {
  const channel = hook({ secretFile: secret('hook', 'swordfish'), tokenFile: secret('token', 'abc') });
  expect(await channel.send(notification(), soon())).toMatchObject({ kind: 'accepted' });
  const [{ headers, body }] = receiver.received as [Receiver['received'][0]];
  expect(JSON.parse(body)).toEqual(notification());
  expect(headers).toMatchObject({
    'content-type': 'application/json',
    authorization: 'Bearer abc',
    'headwater-id': 'n-1',
    'headwater-timestamp': String(T / 1_000),
    'headwater-signature': `v1=${signatureOf('swordfish', String(T / 1_000), body)}`,
  });
});

test.each([
  [204, {}, { kind: 'accepted' }],
  [400, {}, { kind: 'refused', reason: 'it answered with status 400: no' }],
  [413, {}, { kind: 'refused' }],
  [401, {}, { kind: 'again', reason: 'it answered with status 401: no; check the token' }],
  [404, {}, { kind: 'again' }],
  [302, { location: 'http://127.0.0.1:1/' }, { kind: 'again', reason: expect.stringContaining('redirects') }],
  [429, { 'retry-after': '7' }, { kind: 'again', afterMs: 7_000 }],
  [503, { 'retry-after': new Date(T + 90_000).toUTCString() }, { kind: 'again', afterMs: 90_000 }],
  [503, { 'retry-after': '99999999' }, { kind: 'again', afterMs: 3_600_000 }],
  [500, { 'retry-after': 'soon' }, { kind: 'again', reason: 'it answered with status 500: no' }],
])('an answer with status %i and %j means %j', async (status, headers, outcome) => {
  receiver.answer = { status, headers, ...(status !== 204 && { text: 'no' }) };
  expect(await hook().send(notification(), soon())).toMatchObject(outcome);
});

test('one that does not listen or does not answer is tried again', async () => {
  const gone = await openReceiver();
  await gone.close();
  const outcome = await open({ kind: 'webhook', url: gone.url }).send(notification(), soon());
  expect(outcome).toEqual({ kind: 'again', reason: 'ECONNREFUSED' });
  receiver.answer = { status: 0 };
  const silent = await hook().send(notification(), AbortSignal.timeout(50));
  expect(silent).toEqual({ kind: 'again', reason: 'it did not answer in time' });
});

test('one that says that it has it, but never ends its answer, is not told again', async () => {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(200).write('…'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const channel = open({ kind: 'webhook', url: `http://127.0.0.1:${port}/` });
    expect(await channel.send(notification(), AbortSignal.timeout(5_000))).toMatchObject({ kind: 'accepted' });
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test('an address that is a secret is not told, even where the receiver repeats it', async () => {
  const channel = open({ kind: 'slack', urlFile: secret('echoed', `${receiver.url}/T0/B0/swordfish?key=trout`) });
  for (const text of ['Cannot POST /hook/T0/B0/swordfish?key=trout', 'no route to /hook/T0/B0/swordfish here']) {
    receiver.answer = { status: 404, text };
    const outcome = await channel.send(notification(), soon());
    expect(outcome).toMatchObject({ kind: 'again', reason: expect.stringContaining('status 404: ') });
    expect(JSON.stringify(outcome)).not.toMatch(/swordfish|trout/);
  }
});

test('Slack gets text in which what others wrote stays text', async () => {
  const channel = open({ kind: 'slack', urlFile: secret('slack', receiver.url) });
  await channel.send(notification({ alerts: [alert({ summary: '<!channel> & <http://x|y>' })] }), soon());
  expect(JSON.parse(receiver.received[0]!.body)).toEqual({
    text: '*[firing: 1] web-errors (site shop)*\n• critical: &lt;!channel&gt; &amp; &lt;http://x|y&gt; (since 2026-11-02 12:00 UTC)',
  });
});

test('what a visitor of a web site asked for begins no line, calls nobody and makes no link in what takes the same as Slack', async () => {
  const channel = open({ kind: 'slack', urlFile: secret('rooms', receiver.url) });
  const summary = 'requests to /a\r\n• resolved: all is well\u2028@all @Channel [x](https://x) \u202e failed';
  await channel.send(notification({ labels: { rule: 'r', path: '/@here\n' }, alerts: [alert({ summary })] }), soon());
  const lines: string[] = JSON.parse(receiver.received[0]!.body).text.split(/[\r\n\u2028]/);
  expect(lines).toHaveLength(2);
  expect(lines.join(' ')).not.toMatch(/@(all|channel|here)|\]\(|\u202e/i);
});

test('ntfy refuses no message for its length, whatever the names in it are made of', async () => {
  const channel = open({ kind: 'ntfy', url: receiver.url, topic: 'alerts' });
  for (const sign of ['"', '\\', '\u0001', '\ud800', '漢']) {
    const labels = { rule: 'web-errors', a: sign.repeat(300), b: sign.repeat(300), c: sign.repeat(300) };
    const alerts = Array.from({ length: 50 }, () => alert({ summary: sign.repeat(300) }));
    await channel.send(notification({ labels, alerts }), soon());
    expect(Buffer.byteLength(receiver.received.at(-1)!.body)).toBeLessThan(8_192);
  }
});

test('ntfy gets a title, a message of bounded length and a priority', async () => {
  const channel = open({ kind: 'ntfy', url: receiver.url, topic: 'alerts', tokenFile: secret('ntfy', 'tk_1') });
  const many = Array.from({ length: 200 }, (_, i) => alert({ series: `/${i}`, summary: 'ä'.repeat(300) }));
  await channel.send(notification({ alerts: many, firing: 250, omitted: 50 }), soon());
  const [{ body, headers }] = receiver.received as [Receiver['received'][0]];
  const message = JSON.parse(body);
  expect(message).toMatchObject({ topic: 'alerts', title: '[firing: 250] web-errors (site shop)', priority: 5 });
  expect(Buffer.byteLength(message.message)).toBeLessThan(4_096);
  expect(headers.authorization).toBe('Bearer tk_1');
  await channel.send(
    notification({ state: 'resolved', firing: 0, resolved: 1, alerts: [alert({ state: 'resolved' })] }),
    soon(),
  );
  expect(JSON.parse(receiver.received[1]!.body)).toMatchObject({ priority: 2, tags: ['white_check_mark'] });
});

test('Alertmanager gets each alert with an end beyond the next time it is told, or its end', async () => {
  const channel = open({ kind: 'alertmanager', url: receiver.url.replace('/hook', '/') });
  const over = alert({ series: '/b', state: 'resolved', ts: T + 60_000 });
  await channel.send(notification({ alerts: [alert(), over] }), soon());
  const [{ path, body }] = receiver.received as [Receiver['received'][0]];
  expect(path).toBe('/api/v2/alerts');
  // What fires last: of one that is over and fires again, Alertmanager keeps what it is told last.
  const [resolved, firing] = JSON.parse(body);
  expect(firing).toMatchObject({
    labels: { alertname: 'web-errors', severity: 'critical', series: '/cart', path: '/cart' },
    annotations: { summary: alert().summary },
    startsAt: new Date(T).toISOString(),
  });
  expect(Date.parse(firing.endsAt)).toBeGreaterThan(notification().repeatBy);
  expect(resolved).toMatchObject({ labels: { series: '/b' }, endsAt: new Date(T + 60_000).toISOString() });
  // A program of one's own may say that it begins tomorrow.
  await channel.send(notification({ alerts: [alert({ since: T + 86_400_000 })] }), soon());
  const [ahead] = JSON.parse(receiver.received[1]!.body);
  expect(Date.parse(ahead.endsAt)).toBeGreaterThan(Date.parse(ahead.startsAt));
});

test('people read what fires, what is over and how many more there are', () => {
  const many = notification({ alerts: Array.from({ length: 30 }, () => alert()), firing: 40, omitted: 10 });
  expect(linesOf(many)).toHaveLength(21);
  expect(linesOf(many).at(-1)).toBe('and 20 more');
  expect(titleOf({ ...many, repeated: true })).toBe('[still firing: 40] web-errors (site shop)');
  expect(titleOf(notification({ test: true, labels: { rule: 'headwater-test' } }))).toBe(
    '[test] [firing: 1] headwater-test',
  );
});

test('a channel is told of the alerts that it takes, and of no notification without one', () => {
  const all = { severities: ['info', 'warning', 'critical'], match: [], resolved: true, everyPart: false } as const;
  const mixed = notification({
    firing: 5,
    resolved: 1,
    omitted: 3,
    alerts: [alert(), alert({ severity: 'info', series: '/b', labels: { path: '/b' } }), alert({ state: 'resolved' })],
  });
  expect(routed(mixed, all)).toBe(mixed);
  const severe = routed(mixed, { ...all, severities: ['critical'] });
  expect(severe).toMatchObject({ firing: 1, resolved: 1, omitted: 0, alerts: [alert(), { state: 'resolved' }] });
  expect(routed(mixed, { ...all, match: [parseMatcher('path=/b')] })).toMatchObject({ firing: 1, resolved: 0 });
  expect(routed(mixed, { ...all, severities: ['critical'], resolved: false })?.alerts).toEqual([alert()]);
  expect(routed(mixed, { ...all, match: [parseMatcher('rule=other')] })).toBeUndefined();
  const further = { ...mixed, part: 2 };
  expect(routed(further, all)).toBeUndefined();
  expect(routed(further, { ...all, everyPart: true })).toBe(further);
  expect(routed(further, { ...all, match: [parseMatcher('path=/b')] })).toMatchObject({ firing: 1, part: 2 });
  expect(routed({ ...mixed, test: true }, { ...all, match: [parseMatcher('rule=other')] })).toBeDefined();
});

test('an attempt that failed is made again, ever later, until it is taken', async () => {
  const waited: number[] = [];
  receiver.answer = { status: 500 };
  const pause = async (ms: number) => {
    waited.push(ms);
    if (waited.length === 3) receiver.answer = { status: 429, headers: { 'retry-after': '120' } };
    if (waited.length === 4) receiver.answer = { status: 200 };
  };
  const route = { severities: ['critical'], match: [], resolved: true, everyPart: true } as const;
  const options = { channel: hook(), route, pause, random: () => 1, onWaiting: () => {} };
  expect(await deliver(notification(), options, soon())).toMatchObject({ kind: 'accepted' });
  expect(waited).toEqual([1_000, 2_000, 4_000, 120_500]);
  expect(new Set(receiver.received.map(({ headers }) => headers['headwater-id']))).toEqual(new Set(['n-1']));
  receiver.answer = { status: 400 };
  expect(await deliver(notification(), options, soon())).toMatchObject({ kind: 'refused' });
  expect(await deliver(notification({ alerts: [alert({ severity: 'info' })] }), options, soon())).toBeUndefined();
});

test('a wait is at most a minute, at least half of its turn, and never less than was asked for', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1e6 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.nat(1e6),
      (n, r, asked) => {
        const most = Math.min(60_000, 1_000 * 2 ** (n - 1));
        expect(waitMs(n, r)).toBeLessThanOrEqual(most);
        expect(waitMs(n, r)).toBeGreaterThanOrEqual(most / 2);
        expect(waitMs(n, r, asked)).toBeGreaterThanOrEqual(asked);
      },
    ),
  );
});

test('a secret that others may read is refused, and said nowhere', () => {
  const file = secret('open', 'swordfish');
  chmodSync(file, 0o644);
  const opening = () => hook({ secretFile: file });
  expect(opening).toThrow(/alert channel c: others may read .*open \(mode 644\).*chmod 600/);
  expect(opening).not.toThrow(/swordfish/);
  expect(() => hook({ secretFile: join(dir, 'none') })).toThrow(expect.objectContaining({ code: 'CONFIG_MISSING' }));
  const noUrl = secret('no-url', 'swordfish');
  expect(() => open({ kind: 'slack', urlFile: noUrl })).toThrow(/no-url holds no address such as https:/);
});

test.each([
  ['two lines', 'swordfish\nand more'],
  ['a blank', 'sword fish'],
  ['what is no ASCII', 'schwertfisch–2'],
])('a token with %s, which no header takes, is refused when the hub starts', (_, text) => {
  const opening = () => hook({ tokenFile: secret('bad-token', text) });
  expect(opening).toThrow(/alert channel c: .*bad-token should hold a token and nothing else/);
  expect(opening).not.toThrow(/fish/);
});

const invalid = (channels: object[]) => {
  try {
    parseConfig(AlertsConfig, { text: JSON.stringify({ channels }), file: 'hub.yaml', env: {}, prefix: 'X' });
  } catch (error) {
    return (error as { details: string[] }).details.join('\n');
  }
  return 'valid';
};

test('repeating without a pause is refused: each tick would tell everything again', () => {
  const parse = (text: string) => parseConfig(AlertsConfig, { text, file: 'hub.yaml', env: {}, prefix: 'X' });
  expect(() => parse('repeatEvery: 0')).toThrow(
    expect.objectContaining({ details: [expect.stringMatching(/repeatEvery.*at least 1m/)] }),
  );
  expect(parse('repeatEvery: 1m').repeatEvery).toBe(60_000);
});

test.each([
  [[{ name: 'a', kind: 'pager' }], /channels\.0\.kind/],
  [[{ name: 'a', kind: 'webhook', url: 'ftp://x' }], /channels\.0\.url.*http:\/\/ or https:\/\//],
  [[{ name: 'a', kind: 'webhook', url: 'http://x', match: ['roof'] }], /channels\.0\.match\.0.*"roof" is no condition/],
  [[{ name: 'a', kind: 'webhook', url: 'http://x', severities: ['bad'] }], /channels\.0\.severities\.0/],
  [[{ name: 'a', kind: 'webhook', url: 'http://x', secret: 'x' }], /channels\.0\.secret.*is not a setting/],
  [
    [
      { name: 'a', kind: 'webhook', url: 'http://x' },
      { name: 'a', kind: 'webhook', url: 'http://y' },
    ],
    /channels\.1\.name.*there are two channels a/,
  ],
  [[{ name: 'a', kind: 'email', host: 'h', from: 'a@b.ch', to: ['no'] }], /channels\.0\.to\.0/],
  [
    [{ name: 'a', kind: 'email', host: 'h', from: 'a@b.ch', to: ['a@b.ch'], username: 'u' }],
    /channels\.0\.passwordFile.*come together/,
  ],
  [
    [
      {
        name: 'a',
        kind: 'email',
        host: 'h',
        tls: 'none',
        from: 'a@b.ch',
        to: ['a@b.ch'],
        username: 'u',
        passwordFile: 'p',
      },
    ],
    /channels\.0\.tls.*over TLS only/,
  ],
])('%j is refused with its place', (channels, problem) => {
  expect(invalid(channels)).toMatch(problem);
});
