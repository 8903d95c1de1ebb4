import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Alert, AlertChannel, AlertSilence, Notification } from '../../contract/index.ts';
import { type Intake, openIntake, openStore, type Store } from '../sinks/index.ts';
import { startWeb, type Web } from './index.ts';

const NOW = 1_790_000_000_000;
let dir: string;
let store: Store;
let intake: Intake;
let web: Web;
let offset: number;
let written: AlertSilence[];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'headwater-alerting-'));
  store = openStore({ file: join(dir, 'results.sqlite') });
  offset = 0;
  written = [];
  const clock = () => NOW;
  intake = openIntake(store, clock, () => {});
  const feed = {
    subscribe: intake.subscribe,
    state: LIVE,
    close: async () => {},
  };
  const alerting = {
    // As Kafka does: what was written comes back by the feed.
    silence: async (silence: AlertSilence) => {
      written.push(silence);
      put('alert-silences', [silence]);
    },
    test: (name: string) =>
      name === 'on-call' ? Promise.resolve({ kind: 'accepted', detail: 'status 200' } as const) : undefined,
    channels: ['on-call'],
  };
  web = await startWeb({ store, feed, port: 0, clock, alerting, hosts: ['works.example'] });
});
afterEach(async () => {
  await web.close();
  store.close();
  rmSync(dir, { recursive: true });
});

const LIVE = () => ({ state: 'live', detail: '', records: 0, unreadable: 0 }) as const;

function put(topic: string, values: unknown[]): void {
  const records = values.map((value, i) => {
    const about = { key: null, headers: {}, partition: 0, offset: offset + i, appendedAt: NOW };
    return { ...about, value: Buffer.from(JSON.stringify(value)) };
  });
  const from = offset;
  offset += values.length;
  intake.accept({ topic, partition: 0, records, from, next: offset, highWatermark: offset });
}

const alert = (rule: string, series: string, state: Alert['state'] = 'firing'): Alert => {
  const [gateway, device] = series.split('/');
  return {
    ...{ id: `${rule}/${series}@1`, rule, series, state, severity: 'warning', summary: `${rule} ${series}`, value: 1 },
    ...{ since: NOW, ts: NOW, labels: { site: 'roof', gateway: gateway!, ...(device && { device }) } },
  };
};
// biome-ignore lint/suspicious/noExplicitAny: what a test looks for in an answer is its own
const view = async (): Promise<any> => (await fetch(new URL('api/alerting', web.url))).json();
const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(new URL(`api/alerting/${path}`, web.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
const wanted = { matchers: ['device=a', 'site=roof'], minutes: 60, comment: 'works', author: 'mira' };

test('what fires is shown with what holds it back', async () => {
  put('alerts', [
    alert('gateway-silent', 'gw-1'),
    alert('device-silent', 'gw-1/x'),
    alert('device-silent', 'gw-2/a'),
    alert('device-silent', 'gw-2/b'),
    alert('device-silent', 'gw-3/a', 'resolved'),
  ]);
  await post('silences', wanted);
  const { alerts, silences, firing, writable } = await view();
  const held = Object.fromEntries(alerts.map((a: Alert & { held?: object }) => [a.series, a.held]));
  expect(held).toEqual({
    'gw-1': undefined,
    'gw-1/x': { by: 'inhibition', id: 'gateway-silent/gw-1@1' },
    'gw-2/a': { by: 'silence', id: silences[0].id },
    'gw-2/b': undefined,
    'gw-3/a': undefined,
  });
  // What is held back stands below what is not.
  expect(
    alerts
      .map((a: Alert) => a.series)
      .slice(0, 2)
      .sort(),
  ).toEqual(['gw-1', 'gw-2/b']);
  expect({ firing, writable }).toEqual({ firing: 4, writable: true });
});

test('a silence is written with its matchers and times, and ended', async () => {
  const answer = await post('silences', wanted);
  expect(answer.status).toBe(201);
  const silence = (await answer.json()) as { id: string };
  expect(silence).toMatchObject({ matchers: ['device=a', 'site=roof'], start: NOW, end: NOW + 3_600_000 });
  expect(written[0]).toMatchObject({
    id: silence.id,
    matchers: [
      { label: 'device', op: '=', value: 'a' },
      { label: 'site', op: '=', value: 'roof' },
    ],
    comment: 'works',
    author: 'mira',
  });
  expect((await post(`silences/${silence.id}/end`, {})).status).toBe(200);
  expect(written[1]).toMatchObject({ id: silence.id, end: NOW });
  expect((await view()).silences).toMatchObject([{ id: silence.id, end: NOW }]);
  expect((await post('silences/none/end', {})).status).toBe(404);
});

test.each([
  [{ ...wanted, matchers: [] }, /matchers/],
  [{ ...wanted, matchers: ['device'] }, /"device" is no condition/],
  [{ ...wanted, minutes: 0 }, /minutes/],
  [{ ...wanted, comment: ' ' }, /comment/],
  [{ ...wanted, more: 1 }, /more/],
  ['{', /./],
])('%j is refused with what is wrong', async (body, problem) => {
  const answer = await post('silences', body);
  expect(answer.status).toBe(400);
  expect(((await answer.json()) as { error: { message: string } }).error.message).toMatch(problem);
  expect(written).toEqual([]);
});

test.each([
  ['from a page of another origin', { origin: 'http://evil.example' }, 403],
  ['from a page without origin, as in a sandboxed frame', { origin: 'null' }, 403],
  ['from another port of this machine', { origin: 'http://127.0.0.1:1' }, 403],
  ['that a browser calls cross-site', { 'sec-fetch-site': 'cross-site' }, 403],
  ['as a form sends it', { 'content-type': 'application/x-www-form-urlencoded' }, 403],
  ['as text, which needs no leave', { 'content-type': 'text/plain' }, 403],
  ['under a foreign name', { host: 'evil.example' }, 421],
  ['that a proxy passes on', { 'x-forwarded-for': '192.0.2.7' }, 403],
  ['that a proxy of another kind passes on', { forwarded: 'for=192.0.2.7' }, 403],
])('a change %s is refused', async (_, headers: Record<string, string>, status) => {
  // By hand: fetch sets some of these itself.
  const got = await new Promise<number>((resolve, reject) => {
    const url = new URL('api/alerting/silences', web.url);
    const sent = request(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers } }, (r) => {
      r.resume();
      resolve(r.statusCode!);
    });
    sent.on('error', reject);
    sent.end(JSON.stringify(wanted));
  });
  expect(got).toBe(status);
  expect(written).toEqual([]);
});

test('a change that a proxy passes on is taken where the hub was told that it asks for a login', async () => {
  await web.close();
  const feed = { subscribe: intake.subscribe, state: LIVE, close: async () => {} };
  const alerting = {
    silence: async (one: AlertSilence) => void written.push(one),
    test: () => undefined,
    channels: [],
  };
  web = await startWeb({ store, feed, port: 0, clock: () => NOW, alerting, proxyAsksForLogin: true });
  expect((await post('silences', wanted, { 'x-forwarded-for': '192.0.2.7' })).status).toBe(201);
  expect(written).toHaveLength(1);
});

test('a change from the page itself is taken; what only reads takes none', async () => {
  const origin = web.url.replace(/\/$/, '');
  expect((await post('silences', wanted, { origin, 'sec-fetch-site': 'same-origin' })).status).toBe(201);
  const put = await fetch(new URL('api/alerting', web.url), { method: 'POST', body: '{}' });
  expect(put.status).toBe(405);
  expect((await fetch(new URL('api/alerting/silences', web.url), { method: 'DELETE' })).status).toBe(405);
});

test('a body without end is not read', async () => {
  expect((await post('silences', { ...wanted, comment: 'x'.repeat(20_000) })).status).toBe(413);
});

test('what was told is shown with who has it', async () => {
  const notification = (id: string, severity: Alert['severity']): Notification => ({
    ...{ id, ts: NOW, group: 'g', labels: {}, state: 'firing', repeated: false, firing: 1, resolved: 0, omitted: 0 },
    ...{ alerts: [{ ...alert('r', 's'), severity }], repeatBy: NOW },
  });
  const channel = (name: string, position: number, more: Partial<AlertChannel> = {}): AlertChannel => ({
    ...{ channel: name, kind: 'webhook', process: 'hub-1', state: 'ready', detail: '', position, acceptedAt: null },
    ...{ accepted: 0, refused: 0, severities: ['info', 'warning', 'critical'], matchers: [], resolved: true, ts: NOW },
    ...more,
  });
  put('notifications', [notification('n1', 'critical'), notification('n2', 'info')]);
  put('alert-channels', [
    channel('a', 2),
    channel('b', 1, { state: 'waiting', detail: 'ECONNREFUSED', severities: ['critical', 'info'] }),
    channel('c', 2, { severities: ['critical'] }),
  ]);
  const { told, channels } = await view();
  expect(
    told.map((t: { id: string; channels: { state: string }[] }) => [t.id, ...t.channels.map((c) => c.state)]),
  ).toEqual([
    ['n2', 'done', 'waiting', 'not-for-it'],
    ['n1', 'done', 'done', 'done'],
  ]);
  expect(channels[1]).toMatchObject({ channel: 'b', state: 'waiting', detail: 'ECONNREFUSED' });
});

test('a channel of this hub is tried, another is not', async () => {
  expect(await (await post('channels/on-call/test', {})).json()).toEqual({ kind: 'accepted', detail: 'status 200' });
  const answer = await post('channels/other/test', {});
  expect(answer.status).toBe(404);
  expect(await answer.json()).toMatchObject({ error: { message: 'this hub has no channel other; it has: on-call' } });
});
