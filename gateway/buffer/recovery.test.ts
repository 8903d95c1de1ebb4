import { openSync, readdirSync, readFileSync, renameSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { rowOf } from './database.ts';
import { type Buffer as DiskBuffer, openBuffer, type Stored } from './index.ts';
import { READ_TRIES } from './protocol.ts';
import { noteDamage } from './recovery.ts';
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

test('damaged pages cost only what was on them: the rest keeps its identity, and the hub is told exactly what is gone', () => {
  using dir = folder();
  const before = fill(dir.path);
  const file = openSync(`${dir.path}/buffer.db`, 'r+');
  for (const page of [20, 21, 60]) writeSync(file, Buffer.alloc(4096, 0xa5), 0, 4096, page * 4096);

  const store = new Store(optionsFor(dir.path), new TestClock());
  expect(store.incarnation).not.toBe(before);
  const shown = store.peek(1, 0, ...ALL);
  const salvaged = shown.filter(({ kind }) => kind === 'reading');
  expect(salvaged.length).toBeGreaterThan(1900);
  expect(salvaged.length).toBeLessThan(2000);
  for (const { value, identity } of salvaged) expect(identity).toBe(`${before}/live/${JSON.parse(value).n + 1}`);
  const gone = shown.filter(({ kind }) => kind === 'evicted').map(({ value }) => JSON.parse(value));
  expect(gone.reduce((sum, { from, to }) => sum + to - from + 1, 0)).toBe(2000 - salvaged.length);
  expect(gone[0].reason).toBe('the buffer was damaged');
  const told = shown.at(-1)!;
  expect(told).toMatchObject({ kind: 'rejected', identity: `${store.incarnation}/live/1` });
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

test('damage at the beginning and the end of a lane is told too, and what had left is not', () => {
  using dir = folder();
  const clock = new TestClock();
  const first = new Store(optionsFor(dir.path), clock);
  first.commit(
    Array.from({ length: 2000 }, (_, n) => message({ n, padding: 'x'.repeat(200) })),
    none,
  );
  first.commit([], new Map([[1, 500]]));
  first.close();
  const db = new DatabaseSync(`${dir.path}/buffer.db`);
  db.exec(`DELETE FROM records WHERE id <= ${rowOf(1, 600)} OR id > ${rowOf(1, 1900)}`);
  db.close();
  noteDamage(dir.path, 'met while running');

  const store = new Store(optionsFor(dir.path), clock);
  const shown = store.peek(1, 500, ...ALL);
  expect(JSON.parse(shown[0]!.value)).toMatchObject({ from: 501, to: 600 });
  expect(JSON.parse(shown.at(-2)!.value)).toMatchObject({ from: 1901, to: 2000 });
  store.close();
});

test('a repair that was cut off is done again from the beginning, or finished', () => {
  using dir = folder();
  fill(dir.path);
  noteDamage(dir.path, 'met while running');
  writeFileSync(`${dir.path}/buffer.repaired.db`, 'half of a repair');
  new Store(optionsFor(dir.path), new TestClock()).close();
  const clock = new TestClock();
  let store = new Store(optionsFor(dir.path), clock);
  expect(numbers(store)).toHaveLength(2000);
  store.close();

  renameSync(`${dir.path}/buffer.db`, `${dir.path}/buffer.repaired.db`);
  store = new Store(optionsFor(dir.path), clock);
  expect(numbers(store)).toHaveLength(2000);
  store.close();
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

/** The live lane, to its end. */
async function readAll(from: DiskBuffer): Promise<Stored[]> {
  const found: Stored[] = [];
  for (;;) {
    const after = found.at(-1)?.sequence ?? 0;
    const next = await from.peek('live', after, { records: 5000, bytes: 10_000_000 });
    if (next.length === 0) return found;
    found.push(...next);
  }
}

test('damage that opening does not look for is met while running, ends the buffer with a reason, and is repaired by opening it again', async () => {
  using dir = folder();
  // More than is checked at opening.
  const before = fill(dir.path, 80_000);
  const file = openSync(`${dir.path}/buffer.db`, 'r+');
  for (let page = 1000; page < 1060; page++) writeSync(file, Buffer.alloc(4096, 0xa5), 0, 4096, page * 4096);
  const buffer = await openBuffer(optionsFor(dir.path));
  expect(buffer.recovered).toBe(null);
  // SQLite says the same of a place that the disk cannot read just now, so it is tried a few times.
  for (let tries = 0; tries < READ_TRIES; tries++) {
    await expect(readAll(buffer)).rejects.toMatchObject({ code: 'BUFFER_DISK' });
  }
  expect((await buffer.failed).message).toMatch(/malformed/);
  expect(await buffer.submit(message('new'))).toBe('refused');
  await buffer.close();

  const again = await openBuffer(optionsFor(dir.path));
  expect(again.recovered).toMatch(/set aside/);
  const found = await readAll(again);
  const readings = found.filter(({ kind }) => kind === 'reading');
  expect(readings.length).toBeGreaterThan(78_000);
  expect(readings.every(({ identity }) => identity.startsWith(before))).toBe(true);
  await again.close();
  const last = await openBuffer(optionsFor(dir.path));
  expect(last.recovered).toBe(null);
  await last.close();
});

test('damage in a full buffer that refuses what is new is repaired too', async () => {
  using dir = folder();
  const options = optionsFor(dir.path, { maxBytes: 32 * 1024 * 1024 });
  const big = (n: number) => message({ n, padding: 'x'.repeat(3_000) });
  const fillUp = async (buffer: DiskBuffer) => {
    for (let n = 0; ; n += 1_000) {
      const outcomes = await Promise.all(Array.from({ length: 1_000 }, (_, at) => buffer.submit(big(n + at))));
      if (outcomes.includes('refused')) return;
    }
  };
  const first = await openBuffer(options);
  await fillUp(first);
  await first.close();
  const file = openSync(`${dir.path}/buffer.db`, 'r+');
  for (let page = 1000; page < 1060; page++) writeSync(file, Buffer.alloc(4096, 0xa5), 0, 4096, page * 4096);

  const buffer = await openBuffer(options);
  await fillUp(buffer);
  expect((await buffer.status()).problem).toBe('the buffer is full');
  for (let tries = 0; tries < READ_TRIES; tries++) {
    await expect(readAll(buffer)).rejects.toMatchObject({ code: 'BUFFER_DISK' });
  }
  expect((await buffer.failed).message).toMatch(/malformed/);
  await buffer.close();
  const again = await openBuffer(options);
  expect(again.recovered).toMatch(/set aside/);
  expect((await readAll(again)).length).toBeGreaterThan(1_000);
  await again.close();
});

test('a record that is gone from the middle without a word is damage', () => {
  using dir = folder();
  fill(dir.path);
  const db = new DatabaseSync(`${dir.path}/buffer.db`);
  db.exec('DELETE FROM records WHERE id = (SELECT min(id) + 700 FROM records)');
  db.close();
  const store = new Store(optionsFor(dir.path), new TestClock());
  expect(store.peek(1, 0, 700, 1_000_000)).toHaveLength(700);
  expect(() => store.peek(1, 700, ...ALL)).toThrow(/comes after 700/);
  store.close('a hole');
  const repaired = new Store(optionsFor(dir.path), new TestClock());
  expect(repaired.peek(1, 0, ...ALL)[700]).toMatchObject({ kind: 'evicted', sequence: 701 });
  repaired.close();
});
