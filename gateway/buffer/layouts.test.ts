import { openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { bringUpToDate, bringUpToDateInMemory, openDatabase, readState, rowOf } from './database.ts';
import { writeNote } from './session.ts';
import { Store } from './store.ts';
import { folder, frame, inbound, message, optionsFor, outcomesOf, packet, TestClock } from './testing.ts';

const ALL = [1_000_000, 1_000_000_000] as const;
const none = new Map<number, number>();
const INCARNATION = 'a1b2c3d4e5f6';
const FRAMES_BEFORE_4 = `CREATE TABLE frames (
  device TEXT, boot TEXT, highest INTEGER, seen BLOB, used INTEGER,
  PRIMARY KEY (device, boot)
) WITHOUT ROWID;`;
const PACKETS_BEFORE_3 = 'CREATE TABLE packets (at INTEGER PRIMARY KEY, client TEXT, packet INTEGER, digest TEXT);';

/** Digests as layout 2 has them, and as the inputs make them now. */
const oldDigest = (text: string) => `${crc32(text).toString(36)}.${text.length}`;
const digest = (text: string) => crc32(text) + text.length * 2 ** 32;

/** A buffer as a gateway of layout 2 left it: two readings waiting, 5,000 QoS 1 messages of three clients, a frame and a QoS 2 message remembered. */
function layout2(dir: string, clock: TestClock): void {
  const db = new DatabaseSync(`${dir}/buffer.db`);
  db.exec(`
    PRAGMA page_size = 4096;
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA journal_mode = WAL;
    BEGIN IMMEDIATE;
    CREATE TABLE records (id INTEGER PRIMARY KEY, kind INTEGER, ts INTEGER, stored INTEGER, value TEXT);
    ${FRAMES_BEFORE_4}
    ${PACKETS_BEFORE_3}
    CREATE TABLE inbound (at INTEGER PRIMARY KEY, client TEXT, packet INTEGER, digest TEXT);
    CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), json TEXT);
    PRAGMA user_version = 2;
  `);
  const state = JSON.stringify({
    epochs: [{ incarnation: INCARNATION, after: [0, 0, 0] }],
    session: { now: 'last', before: '', commits: 0 },
    commits: 3,
    last: [0, 7, 0],
    released: [0, 5, 0],
    waiting: [0, 2, 0],
    counts: { acknowledged: 7, forwarded: 5, rejected: 0, duplicates: 0, evicted: 0, refused: 0 },
    ageMs: clock.now,
    wallMs: clock.now,
  });
  db.prepare('INSERT INTO state VALUES (1, ?)').run(state + crc32(state).toString(16).padStart(8, '0'));
  const records = db.prepare('INSERT INTO records VALUES (?, 0, ?, ?, ?)');
  for (const sequence of [6, 7]) records.run(rowOf(1, sequence), clock.now, clock.now, `"${sequence}"`);
  const seen = new Uint8Array(64);
  seen[1] = 4;
  db.prepare('INSERT INTO frames VALUES (?, ?, ?, ?, ?)').run('mc-1', 'a1b2c3d4', 10, seen, 1);
  const packets = db.prepare('INSERT INTO packets VALUES (?, ?, ?, ?)');
  for (let n = 1; n <= 5_000; n++) packets.run(n, `client-${n % 3}`, n, oldDigest(`payload ${n}`));
  db.prepare("INSERT INTO inbound VALUES (1, 'c-1', 9, '')").run();
  db.exec('COMMIT');
  db.close();
  writeNote(dir, { session: 'last', commits: 3, closing: true });
}

const repeats = (numbers: readonly number[]) =>
  numbers.map((n) => message('again', packet(n, true, digest(`payload ${n}`), `client-${n % 3}`)));

test('a buffer of layout 2 is taken over: its records keep their identity, and every repeat is known as before', () => {
  using dir = folder();
  const clock = new TestClock();
  layout2(dir.path, clock);
  for (let opening = 0; opening < 2; opening++) {
    const store = new Store(optionsFor(dir.path), clock);
    expect(store.recovered).toBe(null);
    const identities = store.peek(1, 5, ...ALL).map(({ identity, value }) => [identity, value]);
    expect(identities).toEqual([6, 7].map((sequence) => [`${INCARNATION}/live/${sequence}`, `"${sequence}"`]));
    const all = Array.from({ length: 5_000 }, (_, at) => at + 1);
    expect(new Set(outcomesOf(store.commit(repeats(all), none)))).toEqual(new Set(['duplicate']));
    expect(outcomesOf(store.commit([message('x', inbound(9, 'c-1')), message('x', frame(10))], none))).toEqual([
      'duplicate',
      'duplicate',
    ]);
    store.close();
  }
  const store = new Store(optionsFor(dir.path), clock);
  const others = [
    message('new', packet(1, true, digest('other'), 'client-1')),
    message('new', packet(2, false, 1, 'client-2')),
  ];
  expect(outcomesOf(store.commit(others, none))).toEqual(['stored', 'stored']);
  store.close();
});

test('where there is no room for the new layout, what waits goes out, nothing is taken in, and it is made up for as soon as there is', () => {
  using dir = folder();
  const clock = new TestClock();
  layout2(dir.path, clock);
  const path = `${dir.path}/buffer.db`;
  const db = openDatabase(path, 262_144);
  const state = readState(db)!;
  const { page_count: pages } = db.prepare('PRAGMA page_count').get()!;
  db.exec(`PRAGMA max_page_count = ${pages}`);
  expect(() => bringUpToDate(db)).toThrow('full');
  bringUpToDateInMemory(db);
  const store = new Store(optionsFor(dir.path), clock, {
    path,
    db,
    state,
    recovered: null,
    noted: true,
    upToDate: false,
  });
  const known = [...repeats([1, 2, 5_000]), message('x', inbound(9, 'c-1')), message('x', frame(10))];
  expect(store.peek(1, 5, ...ALL).map(({ value }) => value)).toEqual(['"6"', '"7"']);
  expect(() => store.commit(known, new Map([[1, 6]]))).toThrow('full');
  store.commit([], new Map([[1, 6]]));
  expect(store.status()).toMatchObject({ readings: 1, counts: { forwarded: 6, refused: known.length } });
  expect(db.prepare('PRAGMA user_version').get()!.user_version).toBe(2);

  db.exec('PRAGMA max_page_count = 1000000');
  expect(new Set(outcomesOf(store.commit(known, none)))).toEqual(new Set(['duplicate']));
  expect(outcomesOf(store.commit([message('new', frame(11))], none))).toEqual(['stored']);
  store.close();
  const again = new Store(optionsFor(dir.path), clock);
  expect(again.recovered).toBe(null);
  expect(again.peek(1, 6, ...ALL).map(({ value }) => value)).toEqual(['"7"', '"new"']);
  expect(new Set(outcomesOf(again.commit([...known, message('again', frame(11))], none)))).toEqual(
    new Set(['duplicate']),
  );
  again.close();
});

test('a buffer of layout 3 is taken over with the numbers it knows to have come', () => {
  using dir = folder();
  const clock = new TestClock();
  new Store(optionsFor(dir.path), clock).close();
  const db = new DatabaseSync(`${dir.path}/buffer.db`);
  db.exec(`DROP TABLE frames; ${FRAMES_BEFORE_4} PRAGMA user_version = 3;`);
  const seen = new Uint8Array(64).fill(0xff);
  seen[(700 % 512) >> 3]! &= ~(1 << (700 & 7));
  db.prepare('INSERT INTO frames VALUES (?, ?, ?, ?, ?)').run('mc-1', 'a1b2c3d4', 1_000, seen, 1);
  db.close();
  for (const outcome of ['stored', 'duplicate']) {
    const store = new Store(optionsFor(dir.path), clock);
    expect(store.recovered).toBe(null);
    const known = [489, 699, 701, 1_000].map((number) => message(number, frame(number)));
    expect(new Set(outcomesOf(store.commit(known, none)))).toEqual(new Set(['duplicate']));
    const unknown = [488, 700, 1_001].map((number) => message(number, frame(number)));
    expect(new Set(outcomesOf(store.commit(unknown, none)))).toEqual(new Set([outcome]));
    store.close();
  }
});

test('a damaged buffer of layout 2 is salvaged with the identity of its records and what can be read of the packets', () => {
  using dir = folder();
  const clock = new TestClock();
  layout2(dir.path, clock);
  const path = `${dir.path}/buffer.db`;
  const place = readFileSync(path).lastIndexOf('client-1');
  writeSync(openSync(path, 'r+'), Buffer.alloc(4_096, 0xa5), 0, 4_096, Math.floor(place / 4_096) * 4_096);
  const store = new Store(optionsFor(dir.path), clock);
  expect(store.recovered).toMatch(/damaged/);
  const identities = store.peek(1, 5, ...ALL).map(({ identity }) => identity);
  expect(identities.slice(0, 2)).toEqual([6, 7].map((sequence) => `${INCARNATION}/live/${sequence}`));
  expect(outcomesOf(store.commit(repeats([1, 2, 100]), none))).toEqual(['duplicate', 'duplicate', 'duplicate']);
  store.close();
});

test('a buffer written by the first layout is taken over with its records and what it knows of frames', () => {
  using dir = folder();
  const clock = new TestClock();
  const first = new Store(optionsFor(dir.path), clock);
  first.commit([message('kept')], none);
  const { counts } = first.status();
  first.close();
  rmSync(`${dir.path}/buffer.session`);
  const db = new DatabaseSync(`${dir.path}/buffer.db`);
  const state = {
    incarnation: first.incarnation,
    last: [0, 1, 0],
    waiting: [0, 1, 0],
    counts,
    ageMs: clock.now,
    wallMs: clock.now,
  };
  db.prepare('UPDATE state SET json = ?').run(JSON.stringify(state));
  db.exec(`
    DROP TABLE inbound;
    DROP TABLE packets;
    DROP TABLE frames;
    ${FRAMES_BEFORE_4}
    ${PACKETS_BEFORE_3}
    INSERT INTO frames VALUES ('mc-1', 'a1b2c3d4', 1000, '${(0b1011n | (1n << 63n)).toString(16)}', 1);
    PRAGMA user_version = 1;
  `);
  db.close();

  const store = new Store(optionsFor(dir.path), clock);
  expect(store.incarnation).toBe(first.incarnation);
  expect(store.peek(1, 0, ...ALL).map(({ value }) => value)).toEqual(['"kept"']);
  const numbers = [1000, 999, 998, 997, 937, 936, 500, 1001];
  const outcomes = outcomesOf(
    store.commit(
      numbers.map((number) => message(number, frame(number))),
      none,
    ),
  );
  // The ring of that layout had 64 numbers; an older one was taken for a repeat, whether it had come or not.
  expect(outcomes).toEqual([
    'duplicate',
    'duplicate',
    'stored',
    'duplicate',
    'duplicate',
    'stored',
    'stored',
    'stored',
  ]);
  expect(outcomesOf(store.commit([message('x', inbound(1)), message('x', inbound(1))], none))).toEqual([
    'stored',
    'duplicate',
  ]);
  store.close();
});
