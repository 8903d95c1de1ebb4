/**
 * Counts every reading once (promise 4). Reads what gateways forward, drops what it has seen, reports what is missing, and writes `iot.readings`.
 *
 * - A record's `id` names its gateway's incarnation, lane and sequence. In a lane sequences come in order and without holes, so one number a lane is all
 *   there is to remember: at or below it is a repeat, one above it is next, further above is a gap. A gap is reported, and the lane goes on.
 * - An `evicted` record stands at the last sequence of what its gateway's buffer gave up: that is counted, and no gap.
 * - A `rejected` record is what a gateway could not read; it becomes a dead letter. So does a reading that is none.
 */
import {
  CONTRACT_VERSION,
  type DeadLetter,
  decode,
  Evicted,
  encode,
  HEADER,
  type HeadwaterError,
  type Health,
  type Identity,
  NAME,
  parseIdentity,
  type Reading,
  Rejected,
  TOPICS,
} from '../../contract/index.ts';
import type { InputRecord, OutputRecord, StateChange, Step, Task, TaskFigures } from '../../streams/core/index.ts';
import { readingProblem } from './reading-check.ts';

const COUNTS = ['counted', 'duplicatesDropped', 'gaps', 'evicted', 'deadLetters'] as const;
type Counts = Record<(typeof COUNTS)[number], number>;

const KEPT_BYTES = 4_096;
/** Under this name is counted what names no gateway. */
const NOBODY = '?';

export const intake: Step = {
  id: 'intake',
  fingerprint: '1',
  streams: [TOPICS.raw.name],
  tables: [],
  outputs: [TOPICS.readings.name, TOPICS.deadLetters.name, TOPICS.health.name],
  internal: [],
  commitEveryMs: 50,
  createTask: (partition) => new IntakeTask(partition),
};

class IntakeTask implements Task {
  readonly #partition: number;
  /** Highest sequence of `<gateway>/<incarnation>/<lane>`. */
  readonly #seen = new Map<string, number>();
  readonly #counts = new Map<string, Counts>();
  readonly #changed = new Set<string>();
  #outputs: OutputRecord[] = [];
  #toldAll = false;

  constructor(partition: number) {
    this.#partition = partition;
  }

  process(_topic: string, record: InputRecord): void {
    const gateway = record.key;
    if (gateway === null || !NAME.test(gateway)) {
      this.#refuse(NOBODY, record, 'GATEWAY_INVALID', 'the key is not the id of a gateway');
      return;
    }
    let id: Identity;
    try {
      id = parseIdentity(record.headers[HEADER.identity] ?? '');
    } catch (error) {
      this.#refuse(gateway, record, (error as HeadwaterError).code, (error as HeadwaterError).message);
      return;
    }
    const lane = `${gateway}/${id.incarnation}/${id.lane}`;
    const seen = this.#seen.get(lane) ?? 0;
    if (id.sequence <= seen) {
      this.#count(gateway, 'duplicatesDropped');
      return;
    }
    const evicted = this.#evicted(record, id);
    const first = evicted?.from ?? id.sequence;
    if (first > seen + 1) this.#reportGap(gateway, record, id, seen + 1, first - 1);
    this.#seen.set(lane, id.sequence);
    this.#changed.add(`seen/${lane}`);
    if (evicted !== undefined) this.#count(gateway, 'evicted', id.sequence - Math.max(first, seen + 1) + 1);
    else this.#take(gateway, record, id);
  }

  /** What an `evicted` record says, where it can be understood. */
  #evicted(record: InputRecord, id: Identity): Evicted | undefined {
    if (record.headers[HEADER.kind] !== 'evicted') return undefined;
    const { data } = Evicted.safeParse(decode(record.value));
    return data !== undefined && data.from <= data.to && data.to === id.sequence ? data : undefined;
  }

  #take(gateway: string, record: InputRecord, id: Identity): void {
    const kind = record.headers[HEADER.kind] ?? 'reading';
    const value = decode(record.value);
    if (kind === 'reading') this.#takeReading(gateway, record, id, value);
    else if (kind === 'rejected') this.#takeRejected(gateway, record, value);
    else if (kind === 'evicted')
      this.#refuse(gateway, record, 'EVICTED_INVALID', 'not a range that ends at its sequence');
    else this.#refuse(gateway, record, 'KIND_UNKNOWN', `a record of kind "${kind}" is unknown to this version`);
  }

  #takeReading(gateway: string, record: InputRecord, id: Identity, value: unknown): void {
    const problem = value === undefined ? 'the value is not JSON' : readingProblem(value);
    if (problem !== undefined) {
      this.#refuse(gateway, record, 'READING_INVALID', problem);
      return;
    }
    const reading = value as Reading;
    if (reading.gateway !== gateway) {
      this.#refuse(gateway, record, 'GATEWAY_MISMATCH', `${gateway} forwarded a reading of ${reading.gateway}`);
      return;
    }
    const headers: Record<string, string> = { [HEADER.version]: CONTRACT_VERSION, [HEADER.lane]: id.lane };
    if (record.headers[HEADER.backlog] === '1') headers[HEADER.backlog] = '1';
    // The bytes as they came: nothing is encoded again, and what a newer gateway adds is kept.
    this.#outputs.push({ topic: TOPICS.readings.name, key: reading.device, value: record.value, headers });
    this.#count(gateway, 'counted');
  }

  #takeRejected(gateway: string, record: InputRecord, value: unknown): void {
    const { data } = Rejected.safeParse(value);
    if (data === undefined) {
      this.#refuse(gateway, record, 'REJECTED_INVALID', 'the value is no account of a rejected message');
      return;
    }
    const { origin, code, reason, bytes, receivedAt } = data;
    this.#putLetter(gateway, { origin, code, reason: `${gateway}: ${reason}`, bytes, ts: receivedAt });
  }

  #reportGap(gateway: string, record: InputRecord, id: Identity, from: number, to: number): void {
    this.#count(gateway, 'gaps', to - from + 1);
    const reason = `${gateway}: sequences ${from}…${to} of lane ${id.lane} (incarnation ${id.incarnation}) never came`;
    this.#put(TOPICS.deadLetters.name, gateway, {
      origin: originOf(record),
      code: 'GAP',
      reason,
      bytes: '',
      ts: record.appendedAt,
    } satisfies DeadLetter);
  }

  #refuse(gateway: string, record: InputRecord, code: string, reason: string): void {
    const bytes = (record.value ?? Buffer.alloc(0)).subarray(0, KEPT_BYTES).toString('base64');
    this.#putLetter(gateway, { origin: originOf(record), code, reason, bytes, ts: record.appendedAt });
  }

  #putLetter(gateway: string, letter: DeadLetter): void {
    this.#count(gateway, 'deadLetters');
    this.#put(TOPICS.deadLetters.name, gateway, letter);
  }

  #put(topic: string, key: string, value: unknown): void {
    this.#outputs.push({ topic, key, value: encode(value), headers: { [HEADER.version]: CONTRACT_VERSION } });
  }

  #count(gateway: string, count: keyof Counts, by = 1): void {
    let counts = this.#counts.get(gateway);
    if (counts === undefined) {
      counts = { counted: 0, duplicatesDropped: 0, gaps: 0, evicted: 0, deadLetters: 0 };
      this.#counts.set(gateway, counts);
    }
    counts[count] += by;
    this.#changed.add(`counts/${gateway}`);
    this.#toldAll = false;
  }

  /** Tells what was counted: in all, and by gateway where there is anything to tell. */
  tick(now: number): void {
    if (this.#toldAll) return;
    this.#toldAll = true;
    const counts: Record<string, number> = Object.fromEntries(COUNTS.map((count) => [count, 0]));
    for (const [gateway, of] of this.#counts) {
      for (const count of COUNTS) {
        counts[count]! += of[count];
        if (of[count] > 0) counts[`${gateway}/${count}`] = of[count];
      }
    }
    const process = `hub:intake/${this.#partition}`;
    const health: Health = {
      process,
      kind: 'hub',
      ts: now,
      // Those are the hub process's own to tell.
      rssMb: 0,
      cpuShare: 0,
      diskFreeBytes: null,
      lag: {},
      certificateExpiresAt: null,
      counts,
    };
    this.#put(TOPICS.health.name, process, health);
  }

  takeOutputs(): OutputRecord[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  takeChanges(): StateChange[] {
    const changes = Array.from(this.#changed, (key) => this.#saved(key));
    this.#changed.clear();
    return changes;
  }

  *snapshot(): Iterable<StateChange> {
    for (const lane of this.#seen.keys()) yield this.#saved(`seen/${lane}`);
    for (const gateway of this.#counts.keys()) yield this.#saved(`counts/${gateway}`);
  }

  figures(): TaskFigures {
    return { watermark: undefined, entries: this.#seen.size + this.#counts.size, held: 0 };
  }

  #saved(key: string): StateChange {
    if (key.startsWith('seen/')) return { key, value: this.#seen.get(key.slice(5)) };
    return { key, value: { ...this.#counts.get(key.slice(7)) } };
  }

  restore(changes: Iterable<StateChange>): void {
    for (const { key, value } of changes) {
      if (key.startsWith('seen/')) this.#seen.set(key.slice(5), value as number);
      else this.#counts.set(key.slice(7), { ...(value as Counts) });
    }
  }
}

function originOf(record: InputRecord): string {
  return `${TOPICS.raw.name}/${record.partition}@${record.offset}`;
}
