import { setTimeout as sleep } from 'node:timers/promises';
import { LANES, type Lane } from '../../contract/index.ts';
import { Trickle } from '../buffer/index.ts';
import { type BatchLimit, bytesOf, compose, type Ready, withBacklogHeader } from './batch.ts';
import { BatchSize } from './batch-size.ts';
import { Connection } from './connection.ts';
import { LaneReader } from './lane-reader.ts';
import { type ForwarderLimits, LIMITS } from './limits.ts';
import { refusalOf } from './refusal.ts';
import type { Forwarder, ForwarderOptions, ForwarderSettings, ForwarderStatus, StatusChange } from './types.ts';
import { backOffMs, unless, within } from './waiting.ts';

/** The part of a steady trickle's gathering after which it ends with the next commit. */
const NEARLY = 0.75;

/** Starts to forward what the buffer holds and will hold. Never fails: while Kafka is away it tries again, ever less often. */
export function startForwarder(options: ForwarderOptions): Forwarder {
  return new BufferForwarder(options);
}

/**
 * One request at a time carries the next records of all lanes; the ones after it are read meanwhile. So a later batch of a lane is never in flight
 * while an earlier one is unacknowledged, and after any error everything unacknowledged is sent again, in order, by a new producer.
 */
class BufferForwarder implements Forwarder {
  readonly #options: ForwarderOptions;
  readonly #limits: ForwarderLimits;
  readonly #random: () => number;
  readonly #connection: Connection;
  readonly #size: BatchSize;
  readonly #trickle: Trickle;
  readonly #clock: () => number;
  readonly #lanes: Readonly<Record<Lane, LaneReader>>;
  readonly #readers: readonly LaneReader[];
  /** Aborted by close: no new work. */
  readonly #stop = new AbortController();
  /** Aborted when what is in flight had its time. */
  readonly #abandon = new AbortController();
  readonly #finished: Promise<void>;
  readonly #endListening: () => void;
  #settings: ForwarderSettings;
  /** Ends the wait before the next try. */
  #tryNow: (() => void) | undefined;
  #wake: (() => void) | undefined;
  #status: ForwarderStatus = { state: 'connecting', lastAckAt: null, inFlight: 0 };
  #failures = 0;
  /** What Kafka refused last is left out or made smaller: it can be asked again at once. */
  #mended = false;

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#trickle = new Trickle(performance.now(), this.#limits.smallASecond);
    this.#random = options.random ?? Math.random;
    this.#settings = options.settings;
    this.#connection = new Connection({
      kafka: options.kafka,
      openMs: this.#limits.openMs,
      stop: this.#stop.signal,
      onNext: () => this.#wake?.(),
      onRefused: (error) => this.#notRenewed(error),
    });
    this.#clock = options.clock ?? Date.now;
    const reader = (lane: Lane) => new LaneReader(lane, options.buffer, options.gateway, this.#clock);
    this.#lanes = { alarm: reader('alarm'), live: reader('live'), backlog: reader('backlog') };
    this.#readers = LANES.map((lane) => this.#lanes[lane]);
    this.#size = new BatchSize(options.settings.batchBytes);
    this.#endListening = options.buffer.onStored(() => this.#wake?.());
    this.#finished = this.#run();
  }

  status(): ForwarderStatus {
    return this.#status;
  }

  configure(settings: ForwarderSettings): void {
    this.#settings = settings;
    this.#size.configure(settings.batchBytes);
  }

  reconnect(): void {
    if (this.#status.state === 'forwarding') this.#connection.renew();
    else this.#tryNow?.();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake?.();
    const late = new AbortController();
    const timeout = sleep(this.#limits.closeMs, undefined, { signal: late.signal }).catch(() => {});
    await Promise.race([this.#finished, timeout]);
    late.abort();
    this.#abandon.abort();
    await this.#finished;
  }

  async #run(): Promise<void> {
    let started = false;
    while (!this.#stop.signal.aborted) {
      try {
        if (!started) await this.#skipEmptyLanes();
        started = true;
        await this.#connection.open();
        this.#update({ state: 'forwarding', warning: undefined });
        await this.#forward();
      } catch (error) {
        if (!this.#stop.signal.aborted) this.#failed(error);
      }
      await this.#connection.close();
      for (const reader of this.#readers) reader.rewind();
      await this.#backOff();
    }
    this.#endListening();
    this.#update({ state: 'closed', inFlight: 0 });
  }

  /** So that the first live batch does not claim that a backlog follows. */
  async #skipEmptyLanes(): Promise<void> {
    const { lanes } = await this.#options.buffer.status();
    for (const reader of this.#readers) if (lanes[reader.lane] === 0) reader.startAtEnd();
  }

  async #forward(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      if (await this.#connection.takeNext()) this.#renewed();
      await this.#readAhead();
      if (this.#readers.every(({ waiting }) => waiting.length === 0)) {
        await this.#news();
        await this.#linger();
        continue;
      }
      await this.#sendBatch();
      await this.#linger();
    }
  }

  #renewed(): void {
    this.#update({ warning: undefined });
    this.#options.log.info({}, 'forwarding goes on over a new connection to Kafka');
  }

  #notRenewed(error: unknown): void {
    const warning = `a new connection cannot be made, and forwarding goes on over the old one: ${messageOf(error)}`;
    if (warning !== this.#status.warning) this.#options.log.warn({ err: error }, warning);
    this.#update({ warning });
    const again = backOffMs(Number.POSITIVE_INFINITY, this.#limits, this.#random);
    void sleep(again, undefined, { signal: this.#stop.signal, ref: false }).then(
      () => this.reconnect(),
      () => {},
    );
  }

  async #sendBatch(): Promise<void> {
    const { alarm, live, backlog } = this.#lanes;
    const waiting = { alarm: alarm.waiting, live: live.waiting, backlog: backlog.waiting };
    const limit = this.#limit;
    const counts = compose(waiting, limit, this.#settings.backlogShare);
    const olderFollow = !backlog.isEmpty;
    const parts = this.#readers.map((reader) => ({ reader, taken: reader.take(counts[reader.lane]) }));
    const records = parts.flatMap(({ reader, taken }) =>
      taken.map(({ record }) => (olderFollow && reader !== backlog ? withBacklogHeader(record) : record)),
    );
    this.#update({ inFlight: records.length });
    const started = performance.now();
    const answer = this.#connection.producer.send([{ topic: this.#options.topic, records }]);
    const sending = unless(this.#abandon.signal, within(this.#limits.sendMs, 'Kafka’s answer', answer));
    const [sent, read] = await Promise.allSettled([sending, this.#readAhead()]);
    this.#update({ inFlight: 0 });
    const batch = parts.flatMap(({ taken }) => taken);
    if (sent.status === 'rejected') {
      this.#mended = this.#shrink(refusalOf(sent.reason), parts, batch);
      throw sent.reason;
    }
    if (batch.length < this.#limits.smallBatch) this.#trickle.step(started);
    this.#size.sent(bytesOf(batch), performance.now() - started);
    this.#acknowledge(parts);
    if (read.status === 'rejected') throw read.reason;
  }

  #acknowledge(parts: readonly { readonly reader: LaneReader; readonly taken: readonly Ready[] }[]): void {
    if (this.#failures > 0) this.#options.log.info({ failures: this.#failures }, 'forwarding to Kafka again');
    this.#failures = 0;
    this.#update({ lastAckAt: this.#clock(), error: undefined });
    for (const { reader, taken } of parts) {
      const last = taken.at(-1);
      // Not awaited: if the release is lost the records are sent again, and the hub drops them.
      if (last) reader.acknowledge(last.sequence).catch((error) => this.#update({ error: messageOf(error) }));
    }
  }

  /**
   * After an error: less at a time; and the record that Kafka refuses even alone is replaced, so that it does not hold up the rest for ever. Gives
   * whether that may have mended it.
   */
  #shrink(
    refusal: string | undefined,
    parts: readonly { readonly reader: LaneReader; readonly taken: readonly Ready[] }[],
    batch: readonly Ready[],
  ): boolean {
    if (refusal === undefined) {
      this.#size.lost();
      return false;
    }
    if (batch.length > 1) {
      this.#size.refused(bytesOf(batch));
      return true;
    }
    this.#size.reset();
    const { reader, taken } = parts.find(({ taken }) => taken.length > 0)!;
    const { sequence } = taken[0]!;
    const replaced = reader.replace(sequence, refusal);
    const what = replaced ? 'a rejected record goes in its place' : 'and the rejected record in its place too';
    this.#options.log.warn({ lane: reader.lane, sequence }, `Kafka refuses a record (${refusal}): ${what}`);
    return replaced;
  }

  get #limit(): BatchLimit {
    return { records: this.#limits.batchRecords, bytes: this.#size.bytes };
  }

  async #readAhead(): Promise<void> {
    const limit = this.#limit;
    await Promise.all(this.#readers.map((reader) => reader.fill(limit)));
  }

  /** Resolves when something new is in the buffer, or to stop. */
  #news(): Promise<void> {
    if (this.#stop.signal.aborted || this.#connection.hasNext || this.#readers.some(({ hasNews }) => hasNews)) {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }

  /** Lets a batch gather; not for alarms, and not when a batch is full. */
  #linger(): Promise<void> {
    if (this.#isUrgent()) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      const { lingerMs } = this.#settings;
      const from = performance.now();
      const steady = this.#trickle.isSteady(from);
      const ms = steady ? Math.max(lingerMs, this.#limits.gatherMs) : lingerMs;
      const timer = setTimeout(end, ms);
      this.#wake = () => {
        // Something was stored: where the time is almost over, this thread need not be woken once more for its end.
        const isNearlyOver = steady && performance.now() - from >= ms * NEARLY;
        if (isNearlyOver || this.#isUrgent()) end();
      };
    });
  }

  #isUrgent(): boolean {
    const { alarm } = this.#lanes;
    if (this.#stop.signal.aborted || alarm.hasNews || alarm.waiting.length > 0) return true;
    const limit = this.#limit;
    return this.#readers.some((reader) => reader.hasBatch(limit) || reader.unread >= limit.records);
  }

  #failed(error: unknown): void {
    const message = messageOf(error);
    if (message !== this.#status.error) this.#options.log.warn({ err: error }, `cannot forward to Kafka: ${message}`);
    this.#update({ state: 'waiting', error: message });
    // Asked again at once, not ever later.
    if (!this.#mended) this.#failures++;
    this.#mended = false;
  }

  async #backOff(): Promise<void> {
    const waiting = new AbortController();
    this.#tryNow = () => waiting.abort();
    const ms = backOffMs(this.#failures, this.#limits, this.#random);
    const signal = AbortSignal.any([this.#stop.signal, waiting.signal]);
    await sleep(ms, undefined, { signal }).catch(() => {});
    this.#tryNow = undefined;
  }

  #update(change: StatusChange): void {
    this.#status = { ...this.#status, ...change } as ForwarderStatus;
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
