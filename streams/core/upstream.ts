import { CONTRACT_VERSION, HEADER } from '../../contract/index.ts';
import { type Origin, type Passage, type Progress, settledUntil } from './event-time.ts';
import type { InputRecord, OutputRecord, StateChange } from './task.ts';

/**
 * Watermarks through a repartition topic. Records of all upstream tasks meet in each of its partitions, and one task may be far ahead of another, so
 * each tells every partition how far it has come, in order with its records. Downstream, time is as far as the slowest has come.
 */
const WATERMARK = 'watermark';

/** What one upstream task says: its partition, its watermarks ("-" for a `complete` that is null), and whether it is silent. */
export function watermarkRecords(topic: string, partitions: number, from: number, progress: Progress): OutputRecord[] {
  const { live, complete, silent } = progress;
  const text = `${from}/${live}/${complete ?? '-'}/${silent ? 1 : 0}`;
  const headers = { [HEADER.version]: CONTRACT_VERSION, [WATERMARK]: text };
  return Array.from({ length: partitions }, (_, partition) => ({ topic, key: null, value: null, headers, partition }));
}

/** What all upstream tasks have said, as one origin. Until each has spoken nothing is known. */
export class Upstreams implements Passage {
  readonly origin: Origin = { name: '', live: 0, complete: 0 };
  readonly #marks: (Progress | undefined)[];
  readonly #changed = new Set<number>();

  constructor(upstreamTasks: number) {
    this.#marks = Array.from({ length: upstreamTasks }, () => undefined);
  }

  originOf(): Origin {
    return this.origin;
  }

  /** @returns false when the record is no watermark */
  take(record: InputRecord): boolean {
    const text = record.headers[WATERMARK];
    if (text === undefined) return false;
    const [from, live, complete, silent] = text.split('/');
    this.#marks[Number(from)] = {
      live: Number(live),
      complete: complete === '-' ? null : Number(complete),
      silent: silent === '1',
    };
    this.#changed.add(Number(from));
    const all = this.combined();
    this.origin.live = Math.max(this.origin.live, all.live);
    this.origin.complete = Math.max(this.origin.complete, all.complete ?? 0);
    return true;
  }

  combined(): Progress {
    let live = Infinity;
    let complete = Infinity;
    let silent = true;
    for (const mark of this.#marks) {
      if (mark === undefined) return { live: 0, complete: 0, silent: false };
      live = Math.min(live, mark.live);
      if (mark.complete !== null) complete = Math.min(complete, mark.complete);
      if (!mark.silent) silent = false;
    }
    return { live, complete: Number.isFinite(complete) ? complete : null, silent };
  }

  /** A task that is silent is not waited for, however far it has come. */
  settled(): number {
    return Math.min(...this.#marks.map((mark) => (mark === undefined ? 0 : settledUntil(mark))));
  }

  *takeChanges(): Iterable<StateChange> {
    for (const from of this.#changed) yield { key: `u/${from}`, value: this.#marks[from] };
    if (this.#changed.size > 0) yield this.#saved();
    this.#changed.clear();
  }

  *snapshot(): Iterable<StateChange> {
    for (const [from, mark] of this.#marks.entries()) if (mark !== undefined) yield { key: `u/${from}`, value: mark };
    yield this.#saved();
  }

  restore({ key, value }: StateChange): void {
    if (key === 'u') [this.origin.live, this.origin.complete] = value as [number, number];
    else this.#marks[Number(key.slice(2))] = value as Progress;
  }

  #saved(): StateChange {
    return { key: 'u', value: [this.origin.live, this.origin.complete] };
  }
}
