import { openSync, readdirSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openBuffer } from './index.ts';
import { Store } from './store.ts';
import { folder, frame, message, optionsFor, outcomesOf, TestClock } from './testing.ts';

const ALL = [1_000_000, 1_000_000_000] as const;
const none = new Map<number, number>();

/** A buffer of so many records (15 a page), closed cleanly. */
function fill(dir: string, records = 2000): string {
  const store = new Store(optionsFor(dir), new TestClock());
  const submissions = Array.from({ length: records }, (_, n) => message({ n, padding: 'x'.repeat(200) }, frame(n + 1)));
  store.commit(submissions, none);
  store.close();
  return store.incarnation;
}

const numbers = (store: Store): number[] =>
  store
    .peek(1, 0, ...ALL)
    .filter(({ kind }) => kind === 'reading')
    .map(({ value }) => JSON.parse(value).n);

test('damaged pages cost only what was on them: the rest is salvaged in order, under a new incarnation, and the hub is told', () => {
  using dir = folder();
  const before = fill(dir.path);
  const file = openSync(`${dir.path}/buffer.db`, 'r+');
  for (const page of [20, 21, 60]) writeSync(file, Buffer.alloc(4096, 0xa5), 0, 4096, page * 4096);

  const store = new Store(optionsFor(dir.path), new TestClock());
  expect(store.incarnation).not.toBe(before);
  const salvaged = numbers(store);
  expect(salvaged.length).toBeGreaterThan(1700);
  expect(salvaged.length).toBeLessThan(2000);
  expect(salvaged).toEqual([...salvaged].sort((a, b) => a - b));
  expect(store.peek(1, 0, ...ALL).map(({ sequence }) => sequence)).toEqual(
    Array.from({ length: salvaged.length + 1 }, (_, at) => at + 1),
  );
  const told = store.peek(1, salvaged.length, 1, 10_000)[0]!;
  expect(told.kind).toBe('rejected');
  expect(JSON.parse(told.value)).toMatchObject({ origin: 'buffer', code: 'BUFFER_DAMAGED', reason: store.recovered });
  expect(outcomesOf(store.commit([message('again', frame(2000)), message('new', frame(2001))], none))).toEqual([
    'duplicate',
    'stored',
  ]);
  expect(store.status().counts).toMatchObject({ acknowledged: salvaged.length + 1, rejected: 1 });
  store.close();

  const next = new Store(optionsFor(dir.path), new TestClock());
  expect(next.recovered).toBe(null);
  expect(next.incarnation).toBe(store.incarnation);
  next.close();
});

test('a buffer cut short, overwritten from the start, or no database at all still opens', () => {
  for (const damage of [
    (path: string) => truncateSync(path, 100_000),
    (path: string) => writeFileSync(path, Buffer.concat([Buffer.alloc(8192, 0x5a), readFileSync(path).subarray(8192)])),
    (path: string) => writeFileSync(path, 'this was a text file all along'.repeat(500)),
  ]) {
    using dir = folder();
    fill(dir.path);
    damage(`${dir.path}/buffer.db`);
    const store = new Store(optionsFor(dir.path), new TestClock());
    expect(store.recovered).toMatch(/set aside as buffer\.corrupt-/);
    expect(outcomesOf(store.commit([message('new', frame(1, 'other'))], none))).toEqual(['stored']);
    store.close();
  }
});

test('only the newest damaged file is kept', () => {
  using dir = folder();
  const clock = new TestClock();
  for (let round = 0; round < 2; round++) {
    writeFileSync(`${dir.path}/buffer.db`, 'x'.repeat(10_000));
    clock.now += 1000;
    new Store(optionsFor(dir.path), clock).close();
  }
  expect(readdirSync(dir.path).filter((name) => name.startsWith('buffer.corrupt-'))).toHaveLength(1);
});

test('damage met while running ends the buffer with a reason, and opening it again repairs it', async () => {
  using dir = folder();
  // More than SQLite's cache holds, so that it comes to read what is damaged.
  fill(dir.path, 20_000);
  const buffer = await openBuffer(optionsFor(dir.path));
  const file = openSync(`${dir.path}/buffer.db`, 'r+');
  for (let page = 40; page < 100; page++) writeSync(file, Buffer.alloc(4096, 0xa5), 0, 4096, page * 4096);
  await expect(buffer.peek('live', 0, { records: 5000, bytes: 10_000_000 })).rejects.toMatchObject({
    code: 'BUFFER_DISK',
  });
  expect((await buffer.failed).message).toMatch(/malformed/);
  expect(await buffer.submit(message('new'))).toBe('refused');
  await buffer.close();

  const again = await openBuffer(optionsFor(dir.path));
  expect(again.recovered).toMatch(/set aside/);
  await again.close();
});
