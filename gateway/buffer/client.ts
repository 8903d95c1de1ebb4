import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { HeadwaterError, LANES, type Lane } from '../../contract/index.ts';
import { Gathering } from './gathering.ts';
import {
  type Answer,
  OUTCOMES,
  type Packed,
  packSubmissions,
  READ_TRIES,
  type Request,
  unpackRecords,
} from './protocol.ts';
import { Settlement } from './settlement.ts';
import type { Buffer, BufferOptions, BufferStatus, Stored, Submission } from './types.ts';
import type { WorkerData } from './worker.ts';

/** Submissions under way to the thread; the others wait here, where they cost nothing twice. */
const IN_FLIGHT = 4000;
/** A release goes with the next submissions, or alone after this time: losing one only means sending again. */
const RELEASE_WITHIN_MS = 400;

interface Call {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Between two tries to open: one such time more before each, up to ten of them. */
const RETRY_MS = 1000;

export interface Patience {
  /** Called with each try that failed; where this throws, so does the opening. */
  readonly onTrouble: (error: HeadwaterError) => Promise<void> | void;
  readonly retryMs?: number;
}

/**
 * Opens the buffer in a thread of its own, repairing a damaged database (see `Buffer.recovered`). With `patience` it is tried for as long as the disk
 * is full, read-only or failing. A place in the database that cannot be read is tried ten times before it is given up.
 *
 * @throws HeadwaterError `BUFFER_OPTIONS`, `BUFFER_OPEN`, `BUFFER_IN_USE`, `BUFFER_NEWER`
 */
export async function openBuffer(options: BufferOptions, patience?: Patience): Promise<Buffer> {
  let unread = 0;
  for (let tries = 1; ; tries++) {
    try {
      return await tryToOpen({ options, lastTry: patience === undefined || unread >= READ_TRIES });
    } catch (error) {
      if (!patience || !(error instanceof HeadwaterError && error.retryable)) throw error;
      unread = error.code === 'BUFFER_UNREADABLE' ? unread + 1 : 0;
      await patience.onTrouble(error);
      await sleep(Math.min(tries, READ_TRIES) * (patience.retryMs ?? RETRY_MS));
    }
  }
}

async function tryToOpen(workerData: WorkerData): Promise<Buffer> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData, name: 'buffer' });
  const opened = await new Promise<Extract<Answer, { type: 'open' }>>((resolve, reject) => {
    worker.once('message', (answer: Answer) => {
      if (answer.type === 'open') resolve(answer);
      else if (answer.type === 'failed') worker.once('exit', () => reject(errorOf(answer)));
    });
    worker.once('error', reject);
  });
  return new BufferClient(worker, opened);
}

const errorOf = ({ code, message, retryable }: Extract<Answer, { type: 'failed' }>): HeadwaterError =>
  new HeadwaterError(code, message, { retryable });

/** The caller's end: packs the submissions that have gathered into one message, and settles them in order as commits are answered. */
class BufferClient implements Buffer {
  readonly incarnation: string;
  readonly recovered: string | null;
  readonly last: Record<Lane, number> = { alarm: 0, live: 0, backlog: 0 };
  readonly failed: Promise<HeadwaterError>;
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  readonly #listeners = new Set<() => void>();
  readonly #restListeners = new Set<(resting: boolean) => void>();
  readonly #calls = new Map<number, Call>();
  /** Not sent off yet. */
  #releases: Request[] = [];
  #releaseTimer: NodeJS.Timeout | undefined;
  #lastCall = 0;
  #queue: Submission[] = [];
  /** Of all submissions not settled yet, oldest first, from `#settled` on. */
  #unsettled: Settlement[] = [];
  #settled = 0;
  #inFlight = 0;
  /** Some had to stay behind when the others went. */
  #heldUp = false;
  readonly #gathering = new Gathering(
    () => this.#flush(IN_FLIGHT - this.#inFlight),
    (resting) => {
      for (const listener of this.#restListeners) listener(resting);
    },
  );
  #ended: HeadwaterError | undefined;
  #onFailed!: (error: HeadwaterError) => void;

  constructor(worker: Worker, opened: Extract<Answer, { type: 'open' }>) {
    this.incarnation = opened.incarnation;
    this.recovered = opened.recovered;
    this.#moveLast(opened.last);
    this.failed = new Promise((resolve) => {
      this.#onFailed = resolve;
    });
    this.#worker = worker;
    worker.on('message', (answer: Answer) => this.#receive(answer));
    worker.on('error', (cause) =>
      this.#fail(new HeadwaterError('BUFFER_FAILED', `the buffer's thread died: ${cause}`, { cause })),
    );
    this.#exited = new Promise((resolve) => worker.once('exit', () => resolve()));
  }

  submit(submission: Submission): Settlement {
    const settlement = new Settlement();
    if (this.#ended) settlement.settle('refused');
    else {
      this.#queue.push(submission);
      this.#gathering.add(submission);
      this.#unsettled.push(settlement);
    }
    return settlement;
  }

  async peek(
    lane: Lane,
    after: number,
    limit: { readonly records: number; readonly bytes: number },
  ): Promise<Stored[]> {
    const its = LANES.indexOf(lane);
    const packed = await this.#call((call) => ({ type: 'peek', call, lane: its, after, ...limit }));
    return unpackRecords(its, packed as Packed);
  }

  async release(lane: Lane, sequence: number): Promise<void> {
    await this.#call(
      (call) => ({ type: 'release', call, lane: LANES.indexOf(lane), sequence }),
      (request) => {
        this.#releases.push(request);
        this.#releaseTimer ??= setTimeout(() => this.#release(), RELEASE_WITHIN_MS);
      },
    );
  }

  async status(): Promise<BufferStatus> {
    return (await this.#call((call) => ({ type: 'status', call }))) as BufferStatus;
  }

  onStored(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onRest(listener: (resting: boolean) => void): () => void {
    this.#restListeners.add(listener);
    return () => this.#restListeners.delete(listener);
  }

  async close(): Promise<void> {
    if (!this.#ended) {
      this.#gathering.stop();
      this.#flush(Number.POSITIVE_INFINITY);
      this.#release();
      this.#ended = new HeadwaterError('BUFFER_CLOSED', 'the buffer is closed');
      this.#post({ type: 'close' });
    }
    await this.#exited;
  }

  #call(request: (call: number) => Request, send = (made: Request) => this.#post(made)): Promise<unknown> {
    if (this.#ended) return Promise.reject(this.#ended);
    const call = ++this.#lastCall;
    return new Promise((resolve, reject) => {
      this.#calls.set(call, { resolve, reject });
      send(request(call));
    });
  }

  #release(): void {
    clearTimeout(this.#releaseTimer);
    this.#releaseTimer = undefined;
    for (const request of this.#releases) this.#post(request);
    this.#releases = [];
  }

  #post(request: Request): void {
    this.#worker.postMessage(request);
  }

  #flush(room: number): void {
    if (this.#queue.length === 0 || this.#ended) return;
    this.#heldUp = room < this.#queue.length;
    if (room <= 0) return;
    const going = this.#heldUp ? this.#queue.splice(0, room) : this.#queue;
    if (going === this.#queue) this.#queue = [];
    this.#inFlight += going.length;
    if (this.#releases.length > 0) this.#release();
    this.#post({ type: 'submit', submissions: packSubmissions(going) });
  }

  #receive(answer: Answer): void {
    switch (answer.type) {
      case 'outcomes':
        this.#settle(answer.outcomes, answer.last);
        break;
      case 'result':
        this.#take(answer.call)?.resolve(answer.result);
        break;
      case 'error':
        this.#take(answer.call)?.reject(
          new HeadwaterError('BUFFER_DISK', `the buffer: ${answer.message}`, { retryable: true }),
        );
        break;
      case 'failed':
        this.#fail(errorOf(answer));
        break;
      case 'closed':
        this.#end(this.#ended!);
    }
  }

  #take(call: number): Call | undefined {
    const found = this.#calls.get(call);
    this.#calls.delete(call);
    return found;
  }

  #settle(outcomes: Uint8Array, last: readonly number[]): void {
    this.#inFlight -= outcomes.length;
    // Before they are told: what a device sends as soon as it has its answer is submitted by whoever tells it.
    this.#gathering.answered(outcomes.length);
    for (const code of outcomes) this.#unsettled[this.#settled++]!.settle(OUTCOMES[code]!);
    if (this.#settled > this.#unsettled.length / 2) {
      this.#unsettled.splice(0, this.#settled);
      this.#settled = 0;
    }
    if (this.#heldUp) this.#flush(IN_FLIGHT - this.#inFlight);
    if (this.#moveLast(last)) for (const listener of this.#listeners) listener();
  }

  #moveLast(last: readonly number[]): boolean {
    let moved = false;
    for (const [at, lane] of LANES.entries()) {
      moved ||= this.last[lane] !== last[at];
      this.last[lane] = last[at]!;
    }
    return moved;
  }

  #fail(error: HeadwaterError): void {
    this.#end(error);
    this.#onFailed(error);
  }

  /** Whatever has no answer now will have none: it was not acknowledged. */
  #end(error: HeadwaterError): void {
    this.#ended = error;
    this.#queue = [];
    this.#releases = [];
    clearTimeout(this.#releaseTimer);
    const unsettled = this.#unsettled.splice(0).slice(this.#settled);
    this.#settled = 0;
    for (const settlement of unsettled) settlement.settle('refused');
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
  }
}
