import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StateChange } from '../core/index.ts';
import { type Checkpoint, type CheckpointLimits, CheckpointReader, CheckpointWriter } from './checkpoint.ts';
import { type EncodedChange, encodeFrame, FrameReader, type FrameRecord } from './frames.ts';

/** A state that changes while it is being snapshotted, as a task's does. */
class Store {
  readonly entries = new Map<string, unknown>();
  readonly #dirty = new Set<string>();
  set(key: string, value: unknown): void {
    if (value === undefined) this.entries.delete(key);
    else this.entries.set(key, value);
    this.#dirty.add(key);
  }
  takeChanges(): StateChange[] {
    const changes = [...this.#dirty].map((key) => ({ key, value: this.entries.get(key) }));
    this.#dirty.clear();
    return changes;
  }
  *snapshot(): Iterable<StateChange> {
    for (const [key, value] of this.entries) yield { key, value };
  }
  restore(changes: Iterable<StateChange>): void {
    for (const { key, value } of changes)
      if (value === undefined) this.entries.delete(key);
      else this.entries.set(key, value);
  }
}

type Log = { offset: number; value: Buffer; headers: Readonly<Record<string, string>> }[];

/** Appends one transaction; its control record takes an offset too. */
function append(log: Log, end: number, records: readonly FrameRecord[]): number {
  records.forEach((r, i) => {
    log.push({ offset: end + i, value: r.value, headers: r.headers ?? {} });
  });
  return end + records.length + 1;
}

function read(log: Log, fingerprint = 'f1'): Checkpoint & { store: Store; entries: Store['entries'] } {
  const store = new Store();
  const reader = new CheckpointReader('hub.test.state/0', fingerprint, new FrameReader('hub.test.state/0'), store);
  for (const record of log) reader.push(record);
  return { ...reader.finish(), store, entries: store.entries };
}

const asJson = (changes: Iterable<EncodedChange>) => Array.from(changes, (change) => JSON.stringify(change));

const limits: CheckpointLimits = { snapshotMinBytes: 200, snapshotRatio: 1, snapshotBytesPerCommit: 60 };

const change = fc.record({
  kind: fc.constant('change' as const),
  key: fc.nat({ max: 12 }).map((n) => `k${n}`),
  value: fc.option(fc.oneof(fc.integer(), fc.string({ maxLength: 20 }), fc.constant(null)), { nil: undefined }),
});
const step = fc.oneof(
  { weight: 6, arbitrary: change },
  { weight: 5, arbitrary: fc.constant({ kind: 'commit' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'crash' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'failedCommit' as const }) },
);

describe('a checkpoint log', () => {
  test('gives, after every commit and whatever was cut from it, the state and offsets of that commit', () => {
    let cuts = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 40, maxLength: 250 }), fc.boolean(), (steps, cutting) => {
        const log: Log = [];
        let end = 0;
        let processed = 0;
        let committed: { entries: Map<string, unknown>; processed: number } = { entries: new Map(), processed: 0 };
        let store!: Store;
        let writer!: CheckpointWriter;
        let cutAt: number | undefined;
        const start = () => {
          end = append(log, end, encodeFrame({ kind: 'open', owner: 'someone' }));
          const checkpoint = read(log);
          expect(checkpoint.entries).toEqual(committed.entries);
          expect(checkpoint.offsets?.input ?? 0).toBe(committed.processed);
          store = checkpoint.store;
          writer = new CheckpointWriter(store, 'f1', checkpoint, limits);
          processed = committed.processed;
          cutAt = undefined;
        };
        start();
        for (const s of steps) {
          if (s.kind === 'change') {
            processed++;
            store.set(s.key, s.value);
          } else if (s.kind === 'crash') start();
          else {
            if (writer.snapshotDue) {
              writer.beginSnapshot();
              cutAt = end;
            }
            const { records, snapshotComplete } = writer.collect({ input: processed });
            if (s.kind === 'failedCommit') {
              end += records.length + 1;
              start();
              continue;
            }
            end = append(log, end, records);
            committed = { entries: new Map(store.entries), processed };
            if (snapshotComplete && cutting) {
              const keep = log.findIndex((r) => r.offset >= cutAt!);
              if (keep > 0) cuts++;
              log.splice(0, keep);
            }
            const now = read(log);
            expect(now.entries).toEqual(committed.entries);
            expect(now.offsets).toEqual({ input: processed });
          }
        }
      }),
      { numRuns: 400 },
    );
    expect(cuts).toBeGreaterThan(100);
  });

  test('stays bounded: snapshots let it be cut to a few times the size of the state', () => {
    const store = new Store();
    const writer = new CheckpointWriter(store, 'f1', { seq: 0, snapshotBytes: 0, bytesSinceSnapshot: 0 }, limits);
    const log: Log = [];
    let end = 0;
    let cutAt = 0;
    for (let i = 0; i < 2_000; i++) {
      store.set(`k${i % 10}`, i);
      if (writer.snapshotDue) {
        writer.beginSnapshot();
        cutAt = end;
      }
      const { records, snapshotComplete } = writer.collect({ input: i });
      end = append(log, end, records);
      if (snapshotComplete)
        log.splice(
          0,
          log.findIndex((r) => r.offset >= cutAt),
        );
    }
    expect(log.length).toBeLessThan(60);
    expect(read(log).entries).toEqual(store.entries);
  });

  const delta = (seq: number, key: string, fingerprint = 'f1') =>
    encodeFrame({ kind: 'delta', seq, fingerprint, offsets: { input: seq } }, asJson([[key, seq]]));
  const logOf = (...frames: FrameRecord[][]) => {
    const log: Log = [];
    append(log, 0, frames.flat());
    return log;
  };

  test('splits what is larger than a record and puts it together again', () => {
    const value = 'ä'.repeat(1_000);
    const records = encodeFrame(
      { kind: 'delta', seq: 1, fingerprint: 'f1', offsets: {} },
      asJson([['big', value]]),
      101,
    );
    expect(records.length).toBeGreaterThan(19);
    expect(Math.max(...records.map((r) => r.value.length))).toBe(101);
    expect(read(logOf(records)).entries).toEqual(new Map([['big', value]]));
  });

  test('takes the changes of a frame one by one, however many there are', () => {
    const written = new Map(Array.from({ length: 20_000 }, (_, i) => [`ключ ${i}`, { i, text: 'ä😀' }]));
    const records = encodeFrame(
      { kind: 'delta', seq: 1, fingerprint: 'f1', offsets: {} },
      asJson(written.entries()),
      100_000,
    );
    expect(Math.max(...records.map((r) => r.value.length))).toBe(100_000);
    expect(read(logOf(records)).entries).toEqual(written);
  });

  test('that was cut in the middle of a frame and never snapshotted is reported, not half read', () => {
    expect(() => read(logOf(delta(2, 'a'), delta(3, 'b')))).toThrow(/its beginning is missing/);
    const parts = encodeFrame(
      { kind: 'delta', seq: 1, fingerprint: 'f1', offsets: {} },
      asJson([['k', 'v'.repeat(99)]]),
      50,
    );
    expect(() => read(logOf(parts.slice(1), delta(2, 'a')))).toThrow(/its beginning is missing/);
  });

  test('with a hole is reported', () => {
    expect(() => read(logOf(delta(1, 'a'), delta(3, 'b')))).toThrow(/frame 3 follows frame 1/);
  });

  test('whose snapshot is not complete is of no use without what came before it', () => {
    const piece = encodeFrame({ kind: 'snapshot', seq: 5, first: true, last: false }, asJson([['a', 1]]));
    expect(() => read(logOf(piece, delta(6, 'b')))).toThrow(/its beginning is missing/);
  });

  test('of another definition is refused', () => {
    expect(() => read(logOf(delta(1, 'a', 'f0')))).toThrow(/another definition.*--reset-step/);
  });

  test('that is empty is a new task', () => {
    expect(read(logOf(encodeFrame({ kind: 'open', owner: 'me' })))).toMatchObject({ offsets: undefined, seq: 0 });
  });
});
