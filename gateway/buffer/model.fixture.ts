import { expect } from 'vitest';
import { type Evicted, LANES } from '../../contract/index.ts';
import { endOf, readState, rowOf, sequenceOf } from './database.ts';
import { KINDS } from './protocol.ts';
import { open, Store } from './store.ts';
import { crash, type Folder, optionsFor, outcomesOf } from './testing.ts';
import type { DeviceId, Submission } from './types.ts';

/* The buffer beside a plain model of it: what model.test.ts drives. */

export type Policy = 'reject-new' | 'drop-oldest';
export const MAX_BYTES = 1024 * 1024;
export const MAX_AGE_MS = 3_600_000;
const LIVE_WITHIN_MS = 10_000;
/** With so few bytes waiting or on their way, there is room. */
const CERTAINLY_ROOM = 300_000;

interface Given {
  readonly value: string;
  readonly stored: number;
}

/** Wall and monotonic clock, which go apart. */
export class TwoClocks {
  wallMs = 1_800_000_000_000;
  monotonicMs = 0;
  wall = (): number => this.wallMs;
  monotonic = (): number => this.monotonicMs;
}

export class ModelledBuffer {
  readonly #dir: Folder;
  readonly #policy: Policy;
  readonly #clock: TwoClocks;
  readonly #incarnation: string;
  #store!: Store;
  #db!: ReturnType<typeof open>['db'];
  /** Lane → sequence − 1 → what was stored there. */
  readonly #given: Given[][] = [[], [], []];
  readonly #released = [0, 0, 0];
  #handedOut = [0, 0, 0];
  readonly #frames = new Map<string, Set<number>>();
  readonly #inbound = new Set<string>();
  #acknowledged = 0;
  /** The age of the buffer, by the rule of ages.ts: now, and as it was written with the last commit. */
  #age = 0;
  #committed = { age: 0, wall: 0, commits: 0 };
  #lastMonotonic = 0;

  constructor(dir: Folder, policy: Policy, clock: TwoClocks) {
    this.#dir = dir;
    this.#policy = policy;
    this.#clock = clock;
    this.#age = clock.wall();
    this.#committed = { age: this.#age, wall: clock.wall(), commits: 0 };
    this.#open();
    this.#incarnation = this.#store.incarnation;
  }

  #open(): void {
    const options = optionsFor(this.#dir.path, {
      maxBytes: MAX_BYTES,
      maxAgeMs: MAX_AGE_MS,
      whenFull: this.#policy,
      liveWithinMs: LIVE_WITHIN_MS,
    });
    const opened = open(options, this.#clock);
    this.#db = opened.db;
    this.#store = new Store(options, this.#clock, opened);
    expect(this.#store.recovered).toBe(null);
    this.#age = this.#committed.age + Math.max(0, this.#clock.wall() - this.#committed.wall);
    this.#lastMonotonic = this.#clock.monotonic();
    this.#handedOut = [0, 0, 0];
  }

  reopen(how: 'closed' | 'killed'): void {
    if (how === 'closed') this.#store.close();
    else crash(this.#dir, this.#store);
    this.#open();
  }

  submit(submissions: readonly Submission[]): void {
    this.#tick();
    const lane = this.#liveIsLate() ? 2 : 1;
    const waiting = this.#waitingBytes(0);
    const stuck = this.#policy === 'drop-oldest' ? this.#waitingBytes(1) : waiting;
    const asked = submissions.flatMap(({ entries }) => entries).reduce((sum, { value }) => sum + value.length, 0);
    const outcomes = outcomesOf(this.#store.commit(submissions, new Map()));
    for (const [at, submission] of submissions.entries()) {
      const { entries, id, forget } = submission;
      if (forget) this.#forget(forget.client, forget.packetId);
      const outcome = outcomes[at]!;
      if (id && this.#knows(id)) {
        expect(outcome).toBe('duplicate');
        continue;
      }
      expect(outcome).not.toBe('duplicate');
      if (outcome === 'refused') {
        expect(stuck + asked).toBeGreaterThan(CERTAINLY_ROOM);
        expect(entries.length > 0 || id).toBeTruthy();
        continue;
      }
      for (const { alarm, value } of entries) {
        this.#given[alarm ? 0 : lane]!.push({ value, stored: this.#age });
        this.#acknowledged++;
      }
      if (id) this.#remember(id);
    }
    this.#after();
  }

  peek(lane: number, records: number): void {
    const found = this.#store.peek(lane, this.#handedOut[lane]!, records, 1_000_000);
    for (const { sequence, identity, kind, value } of found) {
      expect(identity).toBe(`${this.#incarnation}/${LANES[lane]}/${sequence}`);
      if (kind === 'reading') expect(value).toBe(this.#given[lane]![sequence - 1]!.value);
    }
    this.#handedOut[lane] = found.at(-1)?.sequence ?? this.#handedOut[lane]!;
  }

  /** Kafka has a part of what was handed out. */
  release(lane: number, share: number): void {
    this.#tick();
    const from = this.#released[lane]!;
    const to = from + Math.floor((this.#handedOut[lane]! - from) * share);
    const whole = this.#rows(lane).findLast(({ sequence }) => sequence <= to)?.sequence;
    if (whole === undefined || whole > this.#handedOut[lane]!) return;
    this.#released[lane] = whole;
    this.#store.commit([], new Map([[lane, whole]]));
    this.#after();
  }

  /** Nothing arrives, and the tidying goes on. */
  idle(): void {
    this.#tick();
    this.#store.commit([], new Map());
    for (let steps = 0; steps < 3 && this.#store.shrink(); steps++);
    this.#after();
  }

  close(): void {
    this.#store.close();
  }

  #tick(): void {
    this.#age += this.#clock.monotonic() - this.#lastMonotonic;
    this.#lastMonotonic = this.#clock.monotonic();
  }

  #after(): void {
    // As group commit does where one commit may not give up all that grew too old.
    for (let commits = 0; this.#store.behind; commits++) {
      this.#store.commit([], new Map());
      expect(commits).toBeLessThan(100);
    }
    const { commits } = readState(this.#db)!;
    if (commits !== this.#committed.commits) this.#committed = { age: this.#age, wall: this.#clock.wall(), commits };
    this.#store.checkpoint();
    this.#check();
  }

  /** The invariants at the head of store.ts. */
  #check(): void {
    let evicted = 0;
    let waiting = 0;
    for (const lane of LANES.keys()) {
      let next = this.#released[lane]! + 1;
      for (const row of this.#rows(lane)) {
        if (row.evicted) {
          expect(row.evicted.from).toBe(next);
          expect(row.evicted.to).toBe(row.sequence);
          evicted += this.#checkEvicted(lane, row.evicted);
        } else {
          expect(row.sequence).toBe(next);
          expect(row.value).toBe(this.#given[lane]![row.sequence - 1]!.value);
          const handedOut = row.sequence <= this.#handedOut[lane]!;
          if (!handedOut) expect(row.stored).toBeGreaterThanOrEqual(this.#age - MAX_AGE_MS);
          waiting++;
        }
        next = row.sequence + 1;
      }
      expect(next - 1).toBe(this.#given[lane]!.length);
    }
    const { counts, bytes } = this.#store.status();
    expect(this.#store.last).toEqual(this.#given.map(({ length }) => length));
    expect(bytes).toBeLessThanOrEqual(MAX_BYTES);
    expect(counts.acknowledged).toBe(this.#acknowledged);
    expect(counts.forwarded + counts.evicted + waiting).toBe(this.#acknowledged);
    expect(counts.evicted).toBeGreaterThanOrEqual(evicted);
    expect(this.#store.incarnation).toBe(this.#incarnation);
  }

  #checkEvicted(lane: number, { from, to, reason }: Evicted): number {
    if (this.#policy === 'reject-new') {
      expect(reason).toBe('older than the buffer keeps');
      for (let sequence = from; sequence <= to; sequence++) {
        expect(this.#given[lane]![sequence - 1]!.stored).toBeLessThan(this.#age - MAX_AGE_MS);
      }
    }
    return to - from + 1;
  }

  #rows(lane: number) {
    const select = this.#db.prepare('SELECT * FROM records WHERE id > ? AND id < ? ORDER BY id');
    return select.all(rowOf(lane, 0), endOf(lane)).map(({ id, kind, stored, value }) => ({
      sequence: sequenceOf(id as number),
      stored: stored as number,
      value: value as string,
      evicted: KINDS[kind as number] === 'evicted' ? (JSON.parse(value as string) as Evicted) : undefined,
    }));
  }

  #liveIsLate(): boolean {
    // What has grown too old leaves first.
    const head = this.#rows(1).find(
      ({ sequence, stored, evicted }) => evicted || sequence <= this.#handedOut[1]! || stored >= this.#age - MAX_AGE_MS,
    );
    const stale = this.#rows(1).filter(({ stored }) => stored < this.#age - MAX_AGE_MS).length > 0;
    return stale || (head !== undefined && this.#age - head.stored > LIVE_WITHIN_MS);
  }

  /** Of all that waits, or only of what was handed out and so cannot be given up. */
  #waitingBytes(onlyHandedOut: 0 | 1): number {
    let bytes = 0;
    for (const lane of LANES.keys()) {
      for (const { sequence, value } of this.#rows(lane)) {
        if (!onlyHandedOut || sequence <= this.#handedOut[lane]!) bytes += value.length;
      }
    }
    return bytes;
  }

  #knows(id: DeviceId): boolean {
    if (id.kind === 'inbound') return this.#inbound.has(`${id.client}/${id.packetId}`);
    if (id.kind === 'packet') return false;
    return this.#frames.get(id.device)?.has(id.number) ?? false;
  }

  #remember(id: DeviceId): void {
    if (id.kind === 'inbound') this.#inbound.add(`${id.client}/${id.packetId}`);
    if (id.kind !== 'frame') return;
    this.#frames.set(id.device, (this.#frames.get(id.device) ?? new Set()).add(id.number));
  }

  #forget(client: string, packetId: number | undefined): void {
    for (const key of this.#inbound) {
      if (packetId === undefined ? key.startsWith(`${client}/`) : key === `${client}/${packetId}`)
        this.#inbound.delete(key);
    }
  }
}
