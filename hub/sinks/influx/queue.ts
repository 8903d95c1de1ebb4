import type { IncomingBatch, TopicPartition } from '../../../kafka/index.ts';
import type { Letter, StoredLine } from './mapper.ts';

/** Offsets that are no longer in Kafka. */
export interface Missed extends TopicPartition {
  readonly from: number;
  readonly to: number;
}

/** What becomes of some records of a partition that follow one another. */
export interface Part extends TopicPartition {
  readonly lines: readonly StoredLine[];
  /** Dead letters of the records that have no point. */
  readonly letters: readonly Letter[];
  /** The position after them. */
  readonly next: number;
}

/**
 * What was read and is not stored yet, in the order it came. Invariants: parts of a partition follow one another without a gap; nothing of a
 * partition that this process does not own; about MOST_POINTS at most, as reading is paused meanwhile.
 */
export interface Queue {
  /** All partitions now owned. What is queued of others is forgotten: their new owners read it. `isAnew`: of these too, as others may have had them meanwhile. */
  assign(partitions: readonly TopicPartition[], isAnew?: boolean): void;
  /** Of a part: whether its partition was never lost since it was taken. */
  owns(at: TopicPartition): boolean;
  /** Takes a batch, leaving out what is queued already; `'again'`: there is no room, deliver it later. `read` makes points of it. */
  offer(batch: IncomingBatch, read: () => Pick<Part, 'lines' | 'letters'>): 'again' | undefined;
  /** A partition moved on over nothing. */
  skip(at: TopicPartition & { readonly next: number }): void;
  /** Records are gone that were not read. Gives what of it was not queued either; `letter` tells of that, and is stored before what follows. */
  miss(at: Missed, letter: (missed: Missed) => Letter): Missed | undefined;
  /** Waits for something and gives parts with about so many points; none once the signal aborts. They count as queued until `done`. */
  take(points: number): Promise<readonly Part[]>;
  /** `taken` came out of the queue, `stored` of them are stored. */
  done(taken: readonly Part[], stored: readonly Part[]): void;
  /** Records that are in Kafka and not stored, of the partitions that were heard of. */
  lag(): number;
}

const MOST_POINTS = 20_000;

const nameOf = ({ topic, partition }: TopicPartition) => `${topic}/${partition}`;

interface Place {
  /** The position after what is queued. */
  queued: number;
  stored: number;
  highWatermark: number;
}

export interface Reader {
  pause(partitions: readonly TopicPartition[]): void;
  resume(partitions: readonly TopicPartition[]): void;
}

export function openQueue(reader: Reader, signal: AbortSignal): Queue {
  let owned = new Map<string, TopicPartition>();
  const places = new Map<string, Place>();
  let parts: Part[] = [];
  let underWay: readonly Part[] = [];
  /** Their partition may be owned again: what its other owner stored must not be overwritten with what came before. */
  const lost = new WeakSet<TopicPartition>();
  let points = 0;
  let paused = false;
  let wake = () => {};
  signal.addEventListener('abort', () => wake());

  const weigh = ({ lines, letters }: Part) => lines.length + letters.length;
  const add = (part: Part) => {
    parts.push(part);
    points += weigh(part);
    wake();
    if (points < MOST_POINTS || paused) return;
    paused = true;
    reader.pause([...owned.values()]);
  };

  return {
    assign(partitions, isAnew = false) {
      // One that is lost while paused would still be paused when it comes back.
      if (paused) reader.resume([...owned.values()]);
      owned = new Map(partitions.map((at) => [nameOf(at), at]));
      const stays = (name: string) => !isAnew && owned.has(name);
      for (const name of places.keys()) if (!stays(name)) places.delete(name);
      for (const part of underWay) if (!stays(nameOf(part))) lost.add(part);
      const kept = parts.filter((part) => stays(nameOf(part)));
      points -= parts.reduce((sum, part) => sum + weigh(part), 0) - kept.reduce((sum, part) => sum + weigh(part), 0);
      parts = kept;
      if (paused) reader.pause(partitions);
    },
    owns: (at) => owned.has(nameOf(at)) && !lost.has(at),
    offer(batch, read) {
      const name = nameOf(batch);
      if (!owned.has(name)) return undefined;
      const { next, highWatermark } = batch;
      let place = places.get(name);
      // Offsets only grow, so this is another topic of the same name: made anew.
      if (place !== undefined && place.queued > highWatermark) place = undefined;
      // After a rebalance reading begins again at what the group was told.
      if (place !== undefined && next <= place.queued) return undefined;
      if (points >= MOST_POINTS) return 'again';
      if (place === undefined) places.set(name, { queued: next, stored: batch.from, highWatermark });
      else Object.assign(place, { queued: next, highWatermark });
      const { topic, partition } = batch;
      add({ topic, partition, next, ...read() });
      return undefined;
    },
    skip({ topic, partition, next }) {
      const place = places.get(nameOf({ topic, partition }));
      if (!owned.has(nameOf({ topic, partition })) || (place !== undefined && next <= place.queued)) return;
      if (place === undefined) {
        places.set(nameOf({ topic, partition }), { queued: next, stored: next, highWatermark: next });
      } else place.queued = next;
      add({ topic, partition, next, lines: [], letters: [] });
    },
    miss(at, letter) {
      const name = nameOf(at);
      const place = places.get(name);
      const { topic, partition, to } = at;
      const missed = { topic, partition, from: Math.max(at.from, place?.queued ?? 0), to };
      if (!owned.has(name) || missed.from >= to) return undefined;
      if (place === undefined) places.set(name, { queued: to, stored: to, highWatermark: to });
      else place.queued = to;
      add({ topic, partition, next: to, lines: [], letters: [letter(missed)] });
      return missed;
    },
    async take(wanted) {
      while (parts.length === 0 && !signal.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (signal.aborted) return [];
      const taken: Part[] = [];
      for (let sum = 0; sum < wanted && parts.length > 0; ) {
        const part = parts.shift()!;
        sum += weigh(part);
        taken.push(part);
      }
      underWay = taken;
      return taken;
    },
    done(taken, stored) {
      underWay = [];
      points -= taken.reduce((sum, part) => sum + weigh(part), 0);
      for (const part of stored) {
        const place = places.get(nameOf(part));
        if (place !== undefined) place.stored = part.next;
      }
      if (!paused || points > MOST_POINTS / 2) return;
      paused = false;
      reader.resume([...owned.values()]);
    },
    lag: () =>
      [...places.values()].reduce((sum, { stored, highWatermark }) => sum + Math.max(0, highWatermark - stored), 0),
  };
}
