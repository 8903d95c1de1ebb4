import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const T = Date.UTC(2026, 10, 2, 12);
const view = {
  alerts: [
    {
      ...{
        state: 'firing',
        severity: 'critical',
        summary: 'gateway gw-1 is gone',
        rule: 'gateway-silent',
        series: 'gw-1',
      },
      since: T,
    },
    {
      ...{
        state: 'firing',
        severity: 'warning',
        summary: 'device a says nothing',
        rule: 'device-silent',
        series: 'gw-1/a',
      },
      ...{ since: T, held: { by: 'inhibition', id: 'gateway-silent/gw-1@1' } },
    },
  ],
  silences: [
    {
      ...{ id: 's0', matchers: ['path=/\u001b]0;x\u0007\u202e'], start: T, end: T, author: 'mira' },
      comment: 'a\nb',
    },
  ],
  channels: [
    {
      channel: 'on-call',
      kind: 'ntfy',
      process: 'hub-1',
      state: 'waiting',
      detail: 'ECONNREFUSED',
      accepted: 2,
      refused: 1,
    },
  ],
  told: [],
};

/** What was asked for: a page's interface, whose own tests are in hub/web. */
const asked: { method: string; url: string; type: string | undefined; body: unknown }[] = [];
const server = createServer(async (request: IncomingMessage, response) => {
  let text = '';
  for await (const part of request) text += part;
  const { method = '', url = '' } = request;
  asked.push({ method, url, type: request.headers['content-type'], body: text === '' ? undefined : JSON.parse(text) });
  const silence = { id: 's1', matchers: ['site=roof'], start: T, end: T + 7_200_000, comment: 'works', author: 'mira' };
  const answer = (status: number, value: unknown) => response.writeHead(status).end(JSON.stringify(value));
  if (url.startsWith('/api/alerting?')) answer(200, view);
  else if (url === '/api/alerting/silences' || url === '/api/alerting/silences/s1/end') answer(201, silence);
  else if (url === '/api/alerting/channels/on-call/test') answer(200, { kind: 'again', reason: 'ECONNREFUSED' });
  else answer(404, { error: { code: 'NOT_FOUND', message: 'this hub has no channel other; it has: on-call' } });
});
let url: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

function run(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  asked.length = 0;
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), 'alerts', ...args, '--url', url]);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (bytes) => {
    stdout += bytes;
  });
  child.stderr.on('data', (bytes) => {
    stderr += bytes;
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })));
}

test('alerts are listed with what holds them back, channels with how they fare', async () => {
  expect(await run('list')).toMatchObject({
    code: 0,
    stdout:
      'firing   critical 2026-11-02 12:00:00  gateway gw-1 is gone (gateway-silent, gw-1)\n' +
      'firing   warning  2026-11-02 12:00:00  device a says nothing (device-silent, gw-1/a) [follows from gateway-silent/gw-1@1]\n',
  });
  const { stdout } = await run('list', '--json');
  expect(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual(view.alerts);
  expect((await run('list', '--channels')).stdout).toBe(
    'on-call (ntfy, hub-1): waiting, 2 told, 1 refused; ECONNREFUSED\n',
  );
});

test('what others wrote is shown on its line and does nothing to the terminal', async () => {
  expect((await run('list', '--silences')).stdout).toMatch(/^s0 {2}path=\/ \]0;x {3}from .* UTC {2}a b \(mira\)\n$/);
});

test('a silence is asked for, and ended', async () => {
  const made = await run(
    'silence',
    'site=roof',
    'severity!=critical',
    '--for',
    '2h',
    '--comment',
    'works',
    '--author',
    'mira',
  );
  expect(made).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^s1 {2}site=roof {2}from .* UTC {2}works \(mira\)\n$/),
  });
  const body = { matchers: ['site=roof', 'severity!=critical'], minutes: 120, comment: 'works', author: 'mira' };
  expect(asked).toEqual([{ method: 'POST', url: '/api/alerting/silences', type: 'application/json', body }]);
  expect((await run('silence', '--end', 's1')).code).toBe(0);
  expect(asked[0]).toMatchObject({ method: 'POST', url: '/api/alerting/silences/s1/end' });
});

test('a channel that does not take a test is a failure, and says why', async () => {
  expect(await run('test', 'on-call')).toMatchObject({ code: 1, stdout: 'not taken: ECONNREFUSED\n' });
  expect(await run('test', 'other')).toMatchObject({ code: 1, stderr: expect.stringContaining('it has: on-call') });
});

test.each([
  [['silence'], /say what to silence/],
  [['silence', 'site=roof'], /say why with --comment/],
  [['silence', 'site=roof', '--comment', 'x', '--for', 'long'], /"long" is not a time/],
  [['silence', 'site=roof', '--end', 's1'], /--end takes the id/],
])('%j is wrong usage', async (args, problem) => {
  expect(await run(...args)).toMatchObject({ code: 2, stderr: expect.stringMatching(problem) });
});
