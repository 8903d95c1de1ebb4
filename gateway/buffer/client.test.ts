import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { type Buffer, openBuffer } from './index.ts';
import { folder, frame, message, optionsFor } from './testing.ts';

const ALL = { records: 1_000_000, bytes: 1_000_000_000 };

/** Runs the fixture until it has had `count` messages acknowledged, kills it and gives their numbers. */
async function acknowledgedUntilKilled(dir: string, boot: string, count: number): Promise<number[]> {
  const fixture = fileURLToPath(new URL('./killed.fixture.ts', import.meta.url));
  const child = spawn(process.execPath, [fixture, dir, boot], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const acknowledged: number[] = [];
  for await (const line of createInterface(child.stdout)) {
    acknowledged.push(Number(line));
    if (acknowledged.length === count) child.kill('SIGKILL');
  }
  await exited;
  return acknowledged;
}

test('after kill -9, whatever was acknowledged is there, once, in a lane without holes, and its repeats are known', async () => {
  using dir = folder();
  const incarnations = new Set<string>();
  const acknowledged = new Map<string, number[]>();
  for (const [round, count] of [700, 3000, 150].entries()) {
    const boot = `0000000${round}`;
    acknowledged.set(boot, await acknowledgedUntilKilled(dir.path, boot, count));
    const buffer = await openBuffer(optionsFor(dir.path));
    incarnations.add(buffer.incarnation);
    expect(buffer.recovered).toBe(null);
    for (const number of acknowledged.get(boot)!.slice(-20)) {
      expect(await buffer.submit(message('repeat', frame(number, 'mc-1', boot)))).toBe('duplicate');
    }
    await buffer.close();
  }
  const buffer = await openBuffer(optionsFor(dir.path));
  const stored = [...(await buffer.peek('live', 0, ALL)), ...(await buffer.peek('backlog', 0, ALL))];
  for (const lane of ['live', 'backlog']) {
    const sequences = stored.filter((record) => record.lane === lane).map(({ sequence }) => sequence);
    expect(sequences).toEqual(sequences.map((_, at) => at + 1));
  }
  const values = new Set(stored.map(({ value }) => value));
  expect(values.size).toBe(stored.length);
  for (const [boot, numbers] of acknowledged) {
    expect(numbers.filter((number) => !values.has(JSON.stringify({ boot, number })))).toEqual([]);
  }
  expect(incarnations.size).toBe(1);
  await buffer.close();
});

test('outcomes are given in the order of submission, and a listener hears of what was stored', async () => {
  using dir = folder();
  const buffer = await openBuffer(optionsFor(dir.path));
  const heard: number[] = [];
  const stop = buffer.onStored(() => heard.push(buffer.last.live));
  const outcomes = await Promise.all(
    Array.from({ length: 5000 }, (_, n) => buffer.submit(message(n, frame(Math.floor(n / 2) + 1)))),
  );
  expect(outcomes).toEqual(Array.from({ length: 5000 }, (_, n) => (n % 2 === 0 ? 'stored' : 'duplicate')));
  expect(heard.at(-1)).toBe(2500);
  stop();
  await buffer.submit(message('unheard'));
  expect(heard.at(-1)).toBe(2500);
  await buffer.close();
});

test('closing settles what was submitted before; afterwards nothing is acknowledged', async () => {
  using dir = folder();
  const buffer = await openBuffer(optionsFor(dir.path));
  const before = Array.from({ length: 2000 }, (_, n) => buffer.submit(message(n)));
  const released = buffer.release('live', 1);
  await buffer.close();
  expect(new Set(await Promise.all(before))).toEqual(new Set(['stored']));
  await released;
  expect(await buffer.submit(message('late'))).toBe('refused');
  await expect(buffer.status()).rejects.toThrow(/closed/);
});

test('a release goes with what is submitted next, or alone a little later', async () => {
  using dir = folder();
  const buffer = await openBuffer(optionsFor(dir.path));
  await Promise.all([1, 2, 3].map((n) => buffer.submit(message(n))));
  const first = buffer.release('live', 1);
  expect((await buffer.status()).readings).toBe(3);
  await buffer.submit(message(4));
  await first;
  expect((await buffer.status()).readings).toBe(3);
  await buffer.release('live', 4);
  expect((await buffer.status()).readings).toBe(0);
  await buffer.submit(message(5));
  void buffer.release('live', 5);
  await buffer.close();
  const again = await openBuffer(optionsFor(dir.path));
  expect((await again.status()).readings).toBe(0);
  await again.close();
});

test('a second gateway in the same folder is told so', async () => {
  using dir = folder();
  const buffer = await openBuffer(optionsFor(dir.path));
  await expect(openBuffer(optionsFor(dir.path))).rejects.toMatchObject({ code: 'BUFFER_IN_USE' });
  await buffer.close();
});

test('a folder that cannot be made is an error that says where', async () => {
  await expect(openBuffer(optionsFor('/dev/null/buffer'))).rejects.toMatchObject({
    code: 'BUFFER_OPEN',
    message: expect.stringContaining('/dev/null/buffer'),
  });
});

test('reading ahead stops at the bytes asked for, but always gives one record', async () => {
  using dir = folder();
  const buffer: Buffer = await openBuffer(optionsFor(dir.path));
  await Promise.all(Array.from({ length: 10 }, () => buffer.submit(message('x'.repeat(998)))));
  expect(await buffer.peek('live', 0, { records: 100, bytes: 3500 })).toHaveLength(3);
  expect(await buffer.peek('live', 3, { records: 2, bytes: 1_000_000 })).toMatchObject([
    { sequence: 4 },
    { sequence: 5 },
  ]);
  expect(await buffer.peek('live', 9, { records: 100, bytes: 1 })).toHaveLength(1);
  expect(await buffer.peek('live', 10, { records: 100, bytes: 1 })).toEqual([]);
  await buffer.close();
});
