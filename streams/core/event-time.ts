import { HEADER } from '../../contract/index.ts';
import type { InputRecord, StateChange } from './task.ts';

/**
 * How far event time has come, for each origin of records (a gateway, or a topic's partition). Two watermarks:
 *
 * - `live`: nothing older is expected of what the origin sees now. It is the latest event time of the live and alarm lanes, less the declared
 *   disorder. Windows are first put out by it. While an origin has no live records it follows the wall clock, so that the last windows come out too, and
 *   so that one that sends only what it had kept holds nobody up.
 * - `complete`: nothing older is expected at all. It follows the live lanes as well, but while the origin says that it still holds a backlog it stands
 *   at what has come of the backlog. Windows are forgotten by it. The wall clock never moves it: what a gateway holds through a week without
 *   a connection is not late.
 *
 * 0 stands for "nothing known yet". No record moves a watermark further than a little past the time at which the broker took it, so that one clock in
 * the future does not close the windows of all others.
 *
 * Given the same records and ticks in the same order the watermarks are the same. Ticks only ever move `live`, and only of origins without live records.
 */
export interface Origin {
  readonly name: string;
  live: number;
  complete: number;
}

/** How far several origins have come together. */
export interface Progress {
  readonly live: number;
  /** Null when every origin has been without records for long. */
  readonly complete: number | null;
  readonly silent: boolean;
}

/** Up to when nothing is expected any more by what never revises a result: what silent origins may have kept is then no longer waited for. */
export function settledUntil({ live, complete, silent }: Progress): number {
  return silent ? live : (complete ?? live);
}

/** How time passes where records come from. */
export interface Passage {
  combined(): Progress;
  /** See `settledUntil`. */
  settled(): number;
}

/** Event times this far past the broker's own are taken for a wrong clock. */
const AHEAD_MS = 60_000;
/** After this long without records an origin is silent, and after this long without live ones its time follows the clock. */
const SILENT_MS = 5_000;
/** By the clock a watermark moves in such steps. */
const SILENT_STEP_MS = 2_000;
/** After this long without records an origin no longer keeps the windows of all origins together from being forgotten. */
const ABSENT_MS = 600_000;

interface Tracked extends Origin {
  /** Latest event time of the live and alarm lanes, and of the backlog lane. */
  liveTs: number;
  backlogTs: number;
  holdsBacklog: boolean;
  /** Wall-clock time of the last tick that found new records. */
  heardAt: number;
  heard: boolean;
  /** The same of live records and alarms. */
  liveHeardAt: number;
  liveHeard: boolean;
  changed: boolean;
}

/** The last two are missing in what was saved before they were kept. */
type Saved = [number, number, number, number, 0 | 1, number, 0 | 1, number?, (0 | 1)?];

export class EventTime implements Passage {
  readonly #origins = new Map<string, Tracked>();
  #changed: Tracked[] = [];
  #last: Tracked | undefined;
  #tickedAt = 0;
  #tickChanged = false;
  /** While there is no origin: since when one has been listened for. */
  #listenedSince = 0;

  /** The origin of that name, new if it was not known. */
  originOf(name: string): Origin {
    if (this.#last !== undefined && this.#last.name === name) return this.#last;
    let origin = this.#origins.get(name);
    if (origin === undefined) {
      origin = {
        name,
        live: 0,
        complete: 0,
        liveTs: 0,
        backlogTs: 0,
        holdsBacklog: false,
        heardAt: this.#tickedAt,
        heard: false,
        liveHeardAt: this.#tickedAt,
        liveHeard: false,
        changed: false,
      };
      this.#origins.set(name, origin);
    }
    this.#last = origin;
    return origin;
  }

  /**
   * Takes note of a record.
   * @param outOfOrderMs how far the records of its topic may be out of order
   * @returns whether a watermark moved
   */
  advance(of: Origin, ts: number, record: InputRecord, outOfOrderMs: number): boolean {
    const origin = of as Tracked;
    const time = Math.min(ts, record.appendedAt + AHEAD_MS);
    const lane = record.headers[HEADER.lane];
    const backlog = record.headers[HEADER.backlog] === '1';
    if (!origin.changed) this.#touch(origin);
    origin.heard = true;
    origin.heardAt = this.#tickedAt;
    if (lane === 'backlog') {
      origin.holdsBacklog = true;
      if (time > origin.backlogTs) origin.backlogTs = time;
    } else {
      origin.liveHeard = true;
      origin.liveHeardAt = this.#tickedAt;
      // An alarm overtakes what is live: that it carries no mark says nothing.
      if (backlog || lane !== 'alarm') origin.holdsBacklog = backlog;
      if (time > origin.liveTs) origin.liveTs = time;
    }
    const { live, complete } = origin;
    origin.live = Math.max(live, origin.liveTs - outOfOrderMs);
    const known = origin.holdsBacklog ? Math.min(origin.liveTs, origin.backlogTs) : origin.liveTs;
    origin.complete = Math.max(complete, known - outOfOrderMs);
    return origin.live !== live || origin.complete !== complete;
  }

  /**
   * Moves `live` of origins without live records to the wall clock.
   * @param behind whether there are records that have not been read yet: then nobody is silent
   * @param onQuiet of each origin whose `live` follows the clock, and whether it is silent altogether
   */
  tick(now: number, behind: boolean, onQuiet: (origin: Origin, silent: boolean) => void): void {
    // Silence while nobody listened (a restart, a suspended laptop) says nothing.
    const listened = now - this.#tickedAt < SILENT_MS && !behind;
    if (!listened) this.#listenedSince = now;
    for (const origin of this.#origins.values()) {
      if (origin.heard || !listened) {
        origin.heard = false;
        origin.heardAt = now;
        this.#touch(origin);
      }
      if (origin.liveHeard || !listened) {
        origin.liveHeard = false;
        origin.liveHeardAt = now;
      } else if (now - origin.liveHeardAt >= SILENT_MS && now - SILENT_MS - origin.live >= SILENT_STEP_MS) {
        origin.live = now - SILENT_MS;
        this.#touch(origin);
      }
    }
    this.#tickedAt = now;
    this.#tickChanged = true;
    for (const origin of this.#origins.values()) {
      if (now - origin.liveHeardAt >= SILENT_MS) onQuiet(origin, now - origin.heardAt >= SILENT_MS);
    }
  }

  /** Whether no origin was ever heard of, for long enough to go on without. */
  get isEmpty(): boolean {
    return this.#origins.size === 0 && this.#tickedAt - this.#listenedSince >= SILENT_MS;
  }

  combined(): Progress {
    if (this.#origins.size === 0) {
      if (!this.isEmpty) return { live: 0, complete: 0, silent: false };
      return { live: this.#tickedAt - SILENT_MS, complete: null, silent: true };
    }
    let live = Infinity;
    let complete = Infinity;
    let silent = true;
    for (const origin of this.#origins.values()) {
      live = Math.min(live, origin.live);
      const quietFor = this.#tickedAt - origin.heardAt;
      if (quietFor < ABSENT_MS) complete = Math.min(complete, origin.complete);
      if (quietFor < SILENT_MS) silent = false;
    }
    return { live, complete: Number.isFinite(complete) ? complete : null, silent };
  }

  settled(): number {
    return settledUntil(this.combined());
  }

  #touch(origin: Tracked): void {
    if (origin.changed) return;
    origin.changed = true;
    this.#changed.push(origin);
  }

  *takeChanges(): Iterable<StateChange> {
    const changed = this.#changed;
    this.#changed = [];
    for (const origin of changed) {
      origin.changed = false;
      yield save(origin);
    }
    if (this.#tickChanged) yield this.#savedTick();
    this.#tickChanged = false;
  }

  *snapshot(): Iterable<StateChange> {
    for (const origin of this.#origins.values()) yield save(origin);
    yield this.#savedTick();
  }

  #savedTick(): StateChange {
    const value = this.#origins.size === 0 ? [this.#tickedAt, this.#listenedSince] : this.#tickedAt;
    return { key: 'o', value };
  }

  restore({ key, value }: StateChange): void {
    if (key === 'o') {
      if (Array.isArray(value)) [this.#tickedAt, this.#listenedSince] = value as [number, number];
      else this.#tickedAt = value as number;
      return;
    }
    const [live, complete, liveTs, backlogTs, holdsBacklog, heardAt, heard, liveHeardAt = heardAt, liveHeard = heard] =
      value as Saved;
    Object.assign(this.originOf(key.slice(2)), {
      live,
      complete,
      liveTs,
      backlogTs,
      holdsBacklog: holdsBacklog === 1,
      heardAt,
      heard: heard === 1,
      liveHeardAt,
      liveHeard: liveHeard === 1,
    });
  }
}

function save(origin: Tracked): StateChange {
  const { name, live, complete, liveTs, backlogTs, holdsBacklog, heardAt, heard, liveHeardAt, liveHeard } = origin;
  const value: Saved = [
    ...([live, complete, liveTs, backlogTs, holdsBacklog ? 1 : 0, heardAt, heard ? 1 : 0] as const),
    ...([liveHeardAt, liveHeard ? 1 : 0] as const),
  ];
  return { key: `o/${name}`, value };
}
