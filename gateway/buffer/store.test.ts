import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesOf } from './sizes.ts';
import { open, Store } from './store.ts';
import {
  folder,
  forget,
  frame,
  HOUR,
  inbound,
  message,
  optionsFor,
  outcomesOf,
  packet,
  reading,
  TestClock,
} from './testing.ts';
import type { Submission } from './types.ts';

const ALL = [1_000_000, 1_000_000_000] as const;
const none = new Map<number, number>();

test('a bounded buffer that drops its oldest accounts for every sequence and stays below its bytes', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          size: fc.integer({ min: 100, max: 4000 }),
          waitMs: fc.nat({ max: 400_000 }),
          alarm: fc.boolean(),
          send: fc.boolean(),
        }),
        { minLength: 5, maxLength: 30 },
      ),
      (rounds) => {
        using dir = folder();
        const clock = new TestClock();
        const options = optionsFor(dir.path, { maxBytes: 1024 * 1024, whenFull: 'drop-oldest', maxAgeMs: HOUR });
        const store = new Store(options, clock);
        const sent = [0, 0, 0];
        const accounted = [0, 0, 0];
        const account = (from: number, to: number, lane: number) => {
          expect(from).toBe(accounted[lane]! + 1);
          accounted[lane] = to;
        };
        const send = (lane: number, records: number) => {
          const found = store.peek(lane, sent[lane]!, records, 1_000_000_000);
          for (const { kind, sequence, value } of found) {
            account(kind === 'evicted' ? JSON.parse(value).from : sequence, sequence, lane);
          }
          if (found.length === 0) return;
          sent[lane] = found.at(-1)!.sequence;
          store.commit([], new Map([[lane, sent[lane]!]]));
          store.checkpoint();
        };
        for (const { size, waitMs, alarm, send: sends } of rounds) {
          clock.now += waitMs;
          const group = Array.from({ length: 40 }, () => ({ entries: [reading('x'.repeat(size), alarm)] }));
          const outcomes = outcomesOf(store.commit(group, none));
          expect(outcomes).not.toContain('refused');
          store.checkpoint();
          expect(store.status().bytes).toBeLessThanOrEqual(options.maxBytes);
          if (sends) for (const lane of [0, 1, 2]) send(lane, 25);
        }
        for (const lane of [0, 1, 2]) send(lane, 1_000_000);
        expect(accounted).toEqual(store.last);
        const { acknowledged, forwarded, evicted } = store.status().counts;
        expect(forwarded + evicted).toBe(acknowledged);
        store.close();
      },
    ),
    { numRuns: 15 },
  );
});

test('a full buffer refuses whole messages until there is room again, and loses none it accepted', () => {
  using dir = folder();
  const options = optionsFor(dir.path, { maxBytes: 1024 * 1024 });
  const store = new Store(options, new TestClock());
  const two = (): Submission => ({ entries: [reading('x'.repeat(1000)), reading('x'.repeat(1000))] });
  let accepted = 0;
  while (outcomesOf(store.commit([two()], none))[0] === 'stored') {
    accepted++;
    store.checkpoint();
  }
  expect(store.full).toBe(true);
  expect(store.peek(1, 0, ...ALL)).toHaveLength(2 * accepted);
  expect(store.status().bytes).toBeLessThanOrEqual(options.maxBytes);
  expect(store.status().counts).toMatchObject({ refused: 1, acknowledged: 2 * accepted });

  expect(outcomesOf(store.commit([message('small')], new Map([[1, 4]])))).toEqual(['refused']);
  expect(outcomesOf(store.commit([message('small')], new Map([[1, accepted]])))).toEqual(['stored']);
  store.close();
});

test('drop-oldest gives up the backlog first and alarms last, and says which', () => {
  using dir = folder();
  const clock = new TestClock();
  const store = new Store(optionsFor(dir.path, { maxBytes: 1024 * 1024, whenFull: 'drop-oldest' }), clock);
  const fill = (alarm: boolean, count: number) =>
    store.commit(
      Array.from({ length: count }, () => ({ entries: [reading('x'.repeat(1000), alarm)] })),
      none,
    );
  fill(true, 50);
  fill(false, 50);
  clock.now += 11_000;
  for (let round = 0; round < 20; round++) fill(false, 50);
  const { lanes, counts } = store.status();
  expect(lanes).toMatchObject({ alarm: 50, live: 50 });
  const [first, second] = store.peek(2, 0, 2, 1_000_000);
  expect(first).toMatchObject({ kind: 'evicted', sequence: counts.evicted });
  expect(JSON.parse(first!.value)).toEqual({ from: 1, to: counts.evicted, reason: 'the buffer was full' });
  expect(second).toMatchObject({ kind: 'reading', sequence: counts.evicted + 1 });
  store.close();
});

test('what was given up for a submission that was refused all the same stays counted when the gateway is opened again', () => {
  using dir = folder();
  const options = optionsFor(dir.path, { maxBytes: 1024 * 1024, whenFull: 'drop-oldest' });
  const clock = new TestClock();
  const store = new Store(options, clock);
  store.commit(
    Array.from({ length: 100 }, () => ({ entries: [reading('x'.repeat(1000), false)] })),
    none,
  );
  expect(outcomesOf(store.commit([{ entries: [reading('x'.repeat(2_000_000), false)] }], none))).toEqual(['refused']);
  const { counts, lanes } = store.status();
  expect(counts.evicted).toBeGreaterThan(0);
  store.close();
  const again = new Store(options, clock);
  expect(again.status()).toMatchObject({ counts: { evicted: counts.evicted, acknowledged: 100 }, lanes });
  again.close();
});

test('what was handed out to be sent is not evicted', () => {
  using dir = folder();
  const clock = new TestClock();
  const store = new Store(optionsFor(dir.path, { maxAgeMs: HOUR }), clock);
  store.commit(
    [1, 2, 3, 4].map((n) => message(n)),
    none,
  );
  store.peek(1, 0, 2, 1000);
  clock.now += 2 * HOUR;
  store.commit([], none);
  expect(store.peek(1, 0, ...ALL).map(({ kind, sequence }) => `${kind} ${sequence}`)).toEqual([
    'reading 1',
    'reading 2',
    'evicted 4',
  ]);
  store.close();
});

test('a wall clock that leaps ahead makes nothing too old', () => {
  using dir = folder();
  const clock = { now: 0, leap: 0, wall: () => clock.now + clock.leap, monotonic: () => clock.now };
  let store = new Store(optionsFor(dir.path, { maxAgeMs: HOUR }), clock);
  store.commit([message(1)], none);
  clock.leap = 1_800_000_000_000;
  store.commit([message(2)], none);
  store.close();
  store = new Store(optionsFor(dir.path, { maxAgeMs: HOUR }), clock);
  store.commit([], none);
  expect(store.status().readings).toBe(2);
  clock.now += 2 * HOUR;
  store.commit([], none);
  expect(store.status()).toMatchObject({ counts: { evicted: 2 }, lanes: { live: 1 } });
  store.close();
});

test('a disk that is full refuses everything, keeps what it has, and takes up again when there is room', () => {
  using dir = folder();
  const clock = new TestClock();
  const opened = open(optionsFor(dir.path), clock);
  const store = new Store(optionsFor(dir.path), clock, opened);
  store.commit([message('kept', frame(1))], none);
  const big = message('x'.repeat(200_000), frame(2));
  opened.db.exec('PRAGMA max_page_count = 20');
  expect(() => store.commit([big], none)).toThrow(/full/);
  expect(store.status().counts).toMatchObject({ acknowledged: 1, refused: 1 });
  expect(store.peek(1, 0, ...ALL).map(({ value }) => value)).toEqual(['"kept"']);
  opened.db.exec('PRAGMA max_page_count = 1000000');
  expect(outcomesOf(store.commit([big, message('kept', frame(1))], none))).toEqual(['stored', 'duplicate']);
  store.close();
});

test('the disk is given back after a drain', () => {
  using dir = folder();
  const store = new Store(optionsFor(dir.path, { maxBytes: 32 * 1024 * 1024 }), new TestClock());
  for (let group = 0; group < 20; group++) {
    store.commit(
      Array.from({ length: 500 }, () => message('x'.repeat(1000))),
      none,
    );
    store.checkpoint();
  }
  expect(store.status().bytes).toBeGreaterThan(10_000_000);
  store.commit([], new Map([[1, store.last[1]!]]));
  while (store.shrink());
  expect(store.status().bytes).toBeLessThan(200_000);
  store.close();
});

test('a database of a newer Headwater is refused with a word on what to do', () => {
  using dir = folder();
  new Store(optionsFor(dir.path), new TestClock()).close();
  const db = new DatabaseSync(`${dir.path}/buffer.db`);
  db.exec('PRAGMA user_version = 99');
  db.close();
  expect(() => new Store(optionsFor(dir.path), new TestClock())).toThrow(/newer Headwater/);
});

test('a repeat is known by the packet id only with the flag and the digest', () => {
  using dir = folder();
  const store = new Store(optionsFor(dir.path), new TestClock());
  const submit = (id: ReturnType<typeof packet>) => outcomesOf(store.commit([message('x', id)], none))[0];
  expect(submit(packet(1, false, 10))).toBe('stored');
  expect(submit(packet(1, true, 10))).toBe('duplicate');
  expect(submit(packet(1, true, 20))).toBe('stored');
  expect(submit(packet(1, false, 20))).toBe('stored');
  expect(submit(packet(2, true, 20))).toBe('stored');
  expect(submit(packet(2, true, 20))).toBe('duplicate');
  store.close();
});

test('a QoS 2 id is a repeat until it is released, in the order of submission, also within a commit and after reopening', () => {
  using dir = folder();
  const clock = new TestClock();
  let store = new Store(optionsFor(dir.path), clock);
  const submit = (...submissions: Submission[]) => outcomesOf(store.commit(submissions, none));
  const again = message('x', inbound(7));
  expect(submit(again, again, forget(7), again, message('y', inbound(8)))).toEqual([
    'stored',
    'duplicate',
    'stored',
    'stored',
    'stored',
  ]);
  store.close();
  store = new Store(optionsFor(dir.path), clock);
  expect(submit(again, { ...message('z', inbound(8)), forget: { client: 'c-1' } }, again)).toEqual([
    'duplicate',
    'stored',
    'stored',
  ]);
  expect(submit(forget(1, 'never heard'))).toEqual(['stored']);
  expect(store.status().counts).toMatchObject({ acknowledged: 5, duplicates: 2 });
  store.close();
});

test('a full buffer still forgets what a client released', () => {
  using dir = folder();
  const store = new Store(optionsFor(dir.path, { maxBytes: 1024 * 1024 }), new TestClock());
  store.commit([message('x', inbound(1))], none);
  while (outcomesOf(store.commit([message('x'.repeat(50_000))], none))[0] === 'stored') store.checkpoint();
  expect(outcomesOf(store.commit([message('new', inbound(2)), forget(1)], none))).toEqual(['refused', 'stored']);
  expect(outcomesOf(store.commit([message('new', inbound(1))], none))).toEqual(['refused']);
  store.close();
});

test('a rolled back commit forgets nothing', () => {
  using dir = folder();
  const clock = new TestClock();
  const opened = open(optionsFor(dir.path), clock);
  const store = new Store(optionsFor(dir.path), clock, opened);
  store.commit([message('x', inbound(1))], none);
  opened.db.exec('PRAGMA max_page_count = 20');
  expect(() => store.commit([forget(1), message('x'.repeat(200_000))], none)).toThrow(/full/);
  expect(outcomesOf(store.commit([message('x', inbound(1))], none))).toEqual(['duplicate']);
  store.close();
});

test.each(['reject-new', 'drop-oldest'] as const)(
  'the smallest buffer is not filled by the memory of message ids (%s)',
  (whenFull) => {
    using dir = folder({ inMemory: true });
    const clock = new TestClock();
    const store = new Store(optionsFor(dir.path, { maxBytes: 1024 * 1024, whenFull }), clock);
    for (let n = 1; n <= 20_000; n++) {
      const client = `a-device-with-a-usual-name-${n % 10}`;
      const id =
        n % 4 === 0 ? frame(1, client, `boot-${n}`) : n % 4 === 1 ? inbound(n, client) : packet(n, false, n, client);
      const outcomes = store.commit([message(n, id)], new Map([[1, store.last[1]!]]));
      if (outcomesOf(outcomes)[0] !== 'stored') expect.fail(`${n}: ${outcomesOf(outcomes)}`);
      store.checkpoint();
      clock.now += 10;
    }
    store.close();
  },
);

test.each(['reject-new', 'drop-oldest'] as const)(
  'a buffer that is given less room than its memory of message ids takes forgets the oldest of them (%s)',
  (whenFull) => {
    using dir = folder({ inMemory: true });
    const clock = new TestClock();
    const large = new Store(optionsFor(dir.path, { maxBytes: 256 * 1024 * 1024, whenFull }), clock);
    for (let n = 1; n <= 12_000; n++) {
      const client = `a-device-with-a-usual-name-${n % 10}`;
      const id =
        n % 4 === 0 ? frame(1, client, `boot-${n}`) : n % 4 === 1 ? inbound(n, client) : packet(n, false, n, client);
      large.commit([{ entries: [], id }], none);
    }
    large.close();
    const small = new Store(optionsFor(dir.path, { maxBytes: 1024 * 1024, whenFull }), clock);
    expect(outcomesOf(small.commit([message('x'), message('y', packet(1, true, 1, 'new'))], none))).toEqual([
      'stored',
      'stored',
    ]);
    expect(outcomesOf(small.commit([message('y', packet(1, true, 1, 'new'))], none))).toEqual(['duplicate']);
    small.close();
    const again = new Store(optionsFor(dir.path, { maxBytes: 1024 * 1024, whenFull }), clock);
    expect(again.recovered).toBeNull();
    expect(outcomesOf(again.commit([message('z')], none))).toEqual(['stored']);
    again.close();
  },
);

test('what is too old all at once is given up in parts: the files stay below their bytes, and new readings get in', () => {
  using dir = folder({ inMemory: true });
  const clock = new TestClock();
  const maxBytes = 16 * 1024 * 1024;
  const options = optionsFor(dir.path, { maxBytes, maxAgeMs: HOUR, liveWithinMs: 1e12 });
  const store = new Store(options, clock);
  const entries = Array.from({ length: 100 }, () => reading('x'.repeat(100)));
  for (let n = 0; n < 600; n++) {
    store.commit([{ entries }], none);
    store.checkpoint();
  }
  clock.now += 2 * HOUR;
  let commits = 0;
  do {
    expect(outcomesOf(store.commit([message('new')], none))).toEqual(['stored']);
    expect(store.status().bytes).toBeLessThanOrEqual(maxBytes);
    store.checkpoint();
    commits++;
  } while (store.behind);
  expect(commits).toBeGreaterThan(3);
  expect(store.status().counts.evicted).toBe(60_000);
  expect(store.status().lanes.live).toBe(commits + 1);
  store.close();
});

test('a buffer that is given less room gives up what no longer fits in parts, each a small journal', () => {
  using dir = folder({ inMemory: true });
  const clock = new TestClock();
  const of = (mib: number) => optionsFor(dir.path, { maxBytes: mib * 1024 * 1024, whenFull: 'drop-oldest' });
  const large = new Store(of(32), clock);
  const entries = Array.from({ length: 100 }, () => reading('x'.repeat(100)));
  for (let n = 0; n < 600; n++) {
    large.commit([{ entries }], none);
    large.checkpoint();
  }
  large.close();
  const small = new Store(of(4), clock);
  let outcome: string | undefined;
  do {
    [outcome] = outcomesOf(small.commit([message('new')], none));
    expect(bytesOf(`${dir.path}/buffer.db-wal`)).toBeLessThan(2 * 1024 * 1024);
    small.checkpoint();
  } while (small.behind);
  expect(outcome).toBe('stored');
  const { acknowledged, evicted } = small.status().counts;
  expect(acknowledged - evicted).toBeLessThan(40_000);
  small.close();
});
