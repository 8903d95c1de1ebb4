import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HttpError } from '@influxdata/influxdb-client';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { answerOf } from './answers.ts';
import { InfluxConfig } from './config.ts';
import type { Line } from './lines.ts';
import { openServer } from './server.ts';
import { TryAgain, writeLines } from './writer.ts';

const NOW = 1_000_000;
const refusal = (status: number, message: string, retryAfter?: string) =>
  new HttpError(
    status,
    '',
    JSON.stringify({ code: 'x', message }),
    retryAfter,
    'application/json',
    undefined,
    retryAfter === undefined ? {} : { 'retry-after': retryAfter },
  );

test.each([
  [refusal(401, 'unauthorized access'), 'headwater stores apply'],
  [refusal(404, 'bucket "x" not found'), 'headwater stores apply'],
  [refusal(403, 'insufficient permissions for write'), 'may not write'],
  [refusal(500, 'write /data/1: no space left on device'), 'disk of InfluxDB is full'],
  [refusal(500, 'internal error'), '500: internal error'],
  [Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }), 'cannot be reached'],
])('%s: tried again, and said what to do', (error, detail) => {
  expect(answerOf(error, NOW)).toMatchObject({ kind: 'wait', detail: expect.stringContaining(detail) });
});

test.each([
  ['7', 7_000],
  ['99999', 300_000],
  [new Date(NOW + 12_000).toUTCString(), 12_000],
  ['soon', undefined],
])('Retry-After: %s is %s ms', (header, ms) => {
  for (const status of [429, 503]) {
    const answer = answerOf(refusal(status, 'slow down', header), NOW);
    expect(answer.kind === 'wait' && answer.afterMs).toBe(ms);
  }
});

test('points older than their bucket keeps any are no refusal', () => {
  const message =
    'failure writing points to database: partial write: dropped 2 points outside retention policy of duration 1h0m0s - … dropped=2 for database: x';
  expect(answerOf(refusal(422, message), NOW)).toEqual({ kind: 'expired', points: 2 });
});

test('a refusal that is not InfluxDB’s own is no fault of the points', () => {
  const text = 'Client sent an HTTP request to an HTTPS server.';
  const error = new HttpError(400, 'Bad Request', text, undefined, 'text/plain', undefined, {});
  expect(answerOf(error, NOW)).toMatchObject({ kind: 'wait', detail: expect.stringContaining(text) });
});

/** A server that refuses the bad lines as InfluxDB does: 400 for a request with a bad line, 422 with the others stored. */
function server(bad: Map<string, 400 | 422>) {
  const stored = new Set<string>();
  let writes = 0;
  return {
    stored,
    writes: () => writes,
    close() {},
    async write(_: string, lines: readonly string[]) {
      writes++;
      if (lines.some((line) => bad.get(line) === 400)) throw refusal(400, 'unable to parse');
      for (const line of lines) if (!bad.has(line)) stored.add(line);
      const dropped = lines.filter((line) => bad.has(line)).length;
      if (dropped > 0) throw refusal(422, `partial write: field type conflict: … dropped=${dropped}`);
    },
  };
}

test('of a batch exactly the points at fault are refused and all others stored', async () => {
  const kinds = fc.array(fc.constantFrom(200, 200, 200, 400, 422), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(kinds, async (statuses) => {
      const lines: Line[] = statuses.map((_, i) => ({
        bucket: i % 2 ? 'readings' : 'results',
        measurement: `m${i % 3}`,
        series: '',
        text: `line ${i}`,
      }));
      const bad = new Map<string, 400 | 422>(
        statuses.flatMap((status, i) => (status === 200 ? [] : [[`line ${i}`, status as 400 | 422] as const])),
      );
      const influx = server(bad);
      const { refused } = await writeLines(influx, lines, () => NOW);
      expect(new Set(refused.map(({ line }) => line.text))).toEqual(new Set(bad.keys()));
      expect(refused).toHaveLength(bad.size);
      expect(influx.stored).toEqual(new Set(lines.map(({ text }) => text).filter((text) => !bad.has(text))));
    }),
  );
});

test('one bad point among 10,000 costs some thirty writes, a whole batch of them one', async () => {
  const lines = Array.from(
    { length: 10_000 },
    (_, i): Line => ({
      bucket: 'results',
      measurement: 'm',
      series: '',
      text: String(i),
    }),
  );
  const one = server(new Map([['77', 400]]));
  await writeLines(one, lines, () => NOW);
  expect(one.writes()).toBeLessThan(32);
  const all = server(new Map(lines.map(({ text }) => [text, 422])));
  expect((await writeLines(all, lines, () => NOW)).refused).toHaveLength(10_000);
  expect(all.writes()).toBe(1);
});

test('a server that is away is no fault of the points', async () => {
  const away = { write: () => Promise.reject(new Error('gone')), close() {} };
  const line: Line = { bucket: 'results', measurement: 'm', series: '', text: 'a' };
  await expect(writeLines(away, [line], () => NOW)).rejects.toBeInstanceOf(TryAgain);
});

test.each(['', 'swordfish\nand more', 'schwertfisch–2'])(
  'a file that holds no token (%j) is told as such, and what is in it is not',
  async (text) => {
    const tokenFile = join(tmpdir(), `headwater-token-${process.pid}-${Math.random()}`);
    writeFileSync(tokenFile, text);
    onTestFinished(() => rmSync(tokenFile));
    const nowhere = openServer(InfluxConfig.parse({ url: 'http://127.0.0.1:9', tokenFile }));
    const line: Line = { bucket: 'results', measurement: 'm', series: '', text: 'm v=1 1' };
    const said = await writeLines(nowhere, [line], () => NOW).catch(({ message }) => message);
    expect(said).toMatch(/^.*headwater-token.* should hold the token and nothing else/);
    expect(said).not.toContain('fish');
  },
);
