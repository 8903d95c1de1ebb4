import { copyFileSync, cpSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Store } from './store.ts';
import { crash, type Folder, folder, message, optionsFor, TestClock } from './testing.ts';

const ALL = [1_000_000, 1_000_000_000] as const;
const none = new Map<number, number>();
const clock = new TestClock();

const openStore = (dir: Folder): Store => new Store(optionsFor(dir.path), clock);

function store(dir: Folder, values: string[], end: 'closed' | 'killed' = 'closed'): Store {
  const opened = openStore(dir);
  for (const value of values) opened.commit([message(value)], none);
  if (end === 'closed') opened.close();
  else crash(dir, opened);
  return opened;
}

/** A copy of the folder, which the test puts back. */
function copyOf(dir: Folder): Folder {
  const copy = folder();
  cpSync(dir.path, copy.path, { recursive: true });
  return copy;
}

function overwrite(dir: Folder, copy: Folder, names: string[]): void {
  for (const name of names) {
    const from = join(copy.path, name);
    // In place, as `cp` over an existing file does: the file stays the same one.
    if (existsSync(from)) writeFileSync(join(dir.path, name), readFileSync(from), { flag: 'r+' });
  }
}

/** Everything waiting keeps its identity, and nothing new gets one that `given` were given. */
function expectNew(dir: Folder, given: Store, kept: string[]): void {
  const again = openStore(dir);
  expect(again.recovered).toMatch(/not the one last used here/);
  expect(again.incarnation).not.toBe(given.incarnation);
  again.commit([message('new')], none);
  const shown = again.peek(1, 0, ...ALL);
  expect(shown.map(({ identity }) => identity)).toEqual([
    ...kept.map((_, at) => `${given.incarnation}/live/${at + 1}`),
    `${again.incarnation}/live/1`,
    `${again.incarnation}/live/2`,
  ]);
  expect(shown.map(({ value }) => JSON.parse(value))).toEqual([
    ...kept,
    expect.objectContaining({ code: 'BUFFER_REPLACED', reason: again.recovered }),
    'new',
  ]);
  crash(dir, again);

  const later = openStore(dir);
  expect(later.recovered).toBe(null);
  expect(later.incarnation).toBe(again.incarnation);
  later.commit([], new Map([[1, kept.length + 2]]));
  expect(later.status().counts).toMatchObject({ acknowledged: kept.length + 1, forwarded: kept.length + 1 });
  later.close();
}

test('killed again and again, also while it opens, it stays the same buffer', () => {
  using dir = folder();
  const { incarnation } = store(dir, ['a'], 'killed');
  for (const end of ['killed', 'closed', 'killed', 'killed', 'closed'] as const) {
    const next = store(dir, ['b'], end);
    expect(next.recovered).toBe(null);
    expect(next.incarnation).toBe(incarnation);
  }
  // As if killed when the database knew of the opening and the note did not yet, twice.
  for (let times = 0; times < 2; times++) {
    const note = readFileSync(join(dir.path, 'buffer.session'));
    crash(dir, openStore(dir));
    writeFileSync(join(dir.path, 'buffer.session'), note);
    const born = JSON.parse(note.toString());
    writeFileSync(join(dir.path, 'buffer.session'), JSON.stringify({ ...born, noteBorn: '0' }));
  }
  const last = openStore(dir);
  expect(last.recovered).toBe(null);
  last.close();
});

test('an old copy of the database alone is known for one', () => {
  using dir = folder();
  store(dir, ['a', 'b']);
  using copy = copyOf(dir);
  const given = store(dir, ['c'], 'closed');
  overwrite(dir, copy, ['buffer.db']);
  expectNew(dir, given, ['a', 'b']);
});

test('a copy made while it ran is known for one, even within the same run', () => {
  using dir = folder();
  const given = openStore(dir);
  given.commit([message('a')], none);
  using copy = copyOf(dir);
  given.commit([message('b')], none);
  given.close();
  cpSync(join(copy.path, 'buffer.db'), join(dir.path, 'buffer.db'));
  copyFileSync(join(copy.path, 'buffer.db-wal'), join(dir.path, 'buffer.db-wal'));
  expectNew(dir, given, ['a']);
});

test('an old copy of the whole folder is known for one, moved there or written over it', () => {
  for (const way of ['moved', 'written over'] as const) {
    using dir = folder();
    store(dir, ['a']);
    using copy = copyOf(dir);
    const given = store(dir, ['b', 'c']);
    if (way === 'moved') {
      rmSync(dir.path, { recursive: true });
      cpSync(copy.path, dir.path, { recursive: true });
    } else overwrite(dir, copy, ['buffer.db', 'buffer.session']);
    expectNew(dir, given, ['a']);
  }
});

test('a buffer without its note, or without its journal after a kill, is not trusted', () => {
  for (const name of ['buffer.session', 'buffer.db-wal']) {
    using dir = folder();
    store(dir, ['a']);
    const given = store(dir, name === 'buffer.session' ? ['b'] : ['lost'], 'killed');
    rmSync(join(dir.path, name));
    expectNew(dir, given, name === 'buffer.session' ? ['a', 'b'] : ['a']);
  }
});

test('a journal damaged in the middle is not taken for one that a power cut ended', () => {
  using dir = folder();
  store(dir, ['a']);
  const given = store(dir, ['b', 'c', 'd', 'e', 'f', 'g'], 'killed');
  const path = join(dir.path, 'buffer.db-wal');
  const bytes = readFileSync(path);
  const at = bytes.indexOf('"c"');
  expect(at).toBeGreaterThan(0);
  bytes[at + 1]! ^= 1;
  writeFileSync(path, bytes, { flag: 'r+' });
  const again = openStore(dir);
  expect(again.recovered).toMatch(/its journal is damaged/);
  expect(again.incarnation).not.toBe(given.incarnation);
  expect(again.peek(1, 0, 2, 10_000).map(({ value }) => value)).toEqual(['"a"', '"b"']);
  again.close();
});

test('a journal whose last commit is torn is what a power cut leaves: nothing acknowledged is gone', () => {
  using dir = folder();
  store(dir, ['a']);
  const given = store(dir, ['b', 'torn'], 'killed');
  const path = join(dir.path, 'buffer.db-wal');
  const bytes = readFileSync(path);
  bytes[bytes.indexOf('"torn"')]! ^= 1;
  writeFileSync(path, bytes, { flag: 'r+' });
  const again = openStore(dir);
  expect(again.recovered).toBe(null);
  expect(again.incarnation).toBe(given.incarnation);
  expect(again.peek(1, 0, ...ALL).map(({ value }) => value)).toEqual(['"a"', '"b"']);
  again.close();
});

test('two power cuts one after the other leave no damage: what the first had torn is still behind what the second tore', () => {
  using dir = folder();
  store(dir, ['a']);
  const path = join(dir.path, 'buffer.db-wal');
  for (const [kept, pages] of [
    ['b', 15],
    ['c', 5],
  ] as const) {
    const torn = kept + 'torn'.repeat(pages * 1024);
    store(dir, [kept, torn], 'killed');
    const bytes = readFileSync(path);
    bytes[bytes.indexOf(torn.slice(0, 100)) + 50]! ^= 1;
    writeFileSync(path, bytes, { flag: 'r+' });
  }
  const again = openStore(dir);
  expect(again.recovered).toBe(null);
  expect(again.peek(1, 0, ...ALL).map(({ value }) => JSON.parse(value))).toEqual(['a', 'b', 'c']);
  again.close();
});

test('what waits is evicted and announced in the numbers of its own incarnation', () => {
  using dir = folder();
  const old = store(dir, ['a', 'b', 'c']);
  renameSync(join(dir.path, 'buffer.session'), join(dir.path, 'elsewhere'));
  const later = { now: clock.now, wall: () => later.now, monotonic: () => later.now };
  const again = new Store(optionsFor(dir.path, { maxAgeMs: 1000 }), later);
  again.commit([message('d')], none);
  later.now += 2000;
  again.commit([message('e')], none);
  const announced = again.peek(1, 0, ...ALL).map(({ identity, kind, value }) => [identity, kind, JSON.parse(value)]);
  const reason = 'older than the buffer keeps';
  expect(announced).toEqual([
    [`${old.incarnation}/live/3`, 'evicted', { from: 1, to: 3, reason }],
    [`${again.incarnation}/live/2`, 'evicted', { from: 1, to: 2, reason }],
    [`${again.incarnation}/live/3`, 'reading', 'e'],
  ]);
  again.close();
});
