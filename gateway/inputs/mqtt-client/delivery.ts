import { FRAME_WINDOW, type Outcome } from '../../buffer/index.ts';
import type { Message, Receipt, Receive } from '../input.ts';
import { type Ack, acknowledgements, MAX_MESSAGE, type Publish } from './packets.ts';

/** Bytes of messages not yet on disk from which on the connection is not read, until half of them are. */
const MAX_WAITING_BYTES = 4 * 1_024 * 1_024;
/** What a message costs beyond its bytes: a broker that sends empty ones without end must be held up too. */
const OVERHEAD = 256;
/** Bytes kept of a message that is too large: as many as a dead letter holds. */
const KEPT_OF_TOO_LARGE = 4_096;

export interface DeliveryOptions {
  readonly source: string;
  /** The session that packet ids belong to. */
  readonly client: () => string;
  readonly receive: Receive;
  readonly counts: Counts;
  /** Sends bytes to the broker. */
  send(acks: Buffer): void;
  pauseReading(): void;
  resumeReading(): void;
  /** The buffer refused a message: nothing more of this connection is taken or acknowledged. */
  refused(): void;
}

export interface Counts {
  messages: number;
  lost: number;
  /** Messages left out because the broker had kept them from before the subscription. */
  retained: number;
}

/** An acknowledgement that the broker waits for. */
interface Open extends Ack {
  settled: boolean;
}

/**
 * The messages of one connection, on their way to the disk.
 *
 * - An acknowledgement is sent only when its message is stored or known, in the order in which messages came (MQTT 3.1.1 section 4.6), and
 *   those of one commit of the buffer go out together.
 * - After a message was refused nothing is acknowledged: the broker has it, and all after it, and sends them again on the next connection.
 * - A repeat is known by its id, DUP and its content, at QoS 2 too. The id alone would lose messages: mosquitto 2.0 sends more unacknowledged ones
 *   than it was told it may, and with a backlog of more than 65,535 gives an id to a second message while the first is not released yet.
 * - At most `FRAME_WINDOW` numbered frames are on their way: when one is refused and later ones are stored, the buffer can still tell it from a repeat.
 */
export class Delivery {
  readonly #options: DeliveryOptions;
  #waiting: Publish[] = [];
  #open: Open[] = [];
  #frames = 0;
  #handedOver = 0;
  #bytes = 0;
  #paused = false;
  #flushing = false;
  #ended = false;
  #onSettled: (() => void) | undefined;

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  publish(packet: Publish): void {
    if (this.#ended) return;
    this.#options.counts.messages++;
    if (packet.retain) {
      this.#leaveOut(packet);
      return;
    }
    this.#hold(costOf(packet));
    this.#waiting.push(packet);
    this.#handOver();
  }

  /** The broker will not send the QoS 2 message of this id again. */
  released(packetId: number): void {
    if (this.#ended) return;
    this.#open.push({ kind: 'pubcomp', packetId, settled: true });
    this.#flushSoon();
  }

  /** The connection is gone: nothing more is taken or acknowledged. Resolves when all that was handed over is stored or refused. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#waiting = [];
    if (this.#handedOver > 0) await new Promise<void>((resolve) => (this.#onSettled = resolve));
  }

  #hold(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes <= MAX_WAITING_BYTES || this.#paused) return;
    this.#paused = true;
    this.#options.pauseReading();
  }

  /** A retained message says what was once, not when: with the time of receipt it would be a false reading, at each new subscription. */
  #leaveOut({ qos, packetId }: Publish): void {
    this.#options.counts.retained++;
    if (qos === 0) return;
    this.#open.push({ kind: qos === 1 ? 'puback' : 'pubrec', packetId, settled: true });
    this.#flushSoon();
  }

  #handOver(): void {
    while (this.#waiting.length > 0 && this.#frames < FRAME_WINDOW && !this.#ended) {
      const packet = this.#waiting.shift()!;
      const { qos, packetId } = packet;
      const open: Open = { kind: qos === 2 ? 'pubrec' : 'puback', packetId, settled: false };
      if (qos > 0) this.#open.push(open);
      const { id, outcome } = this.#receive(packet);
      const frames = id?.kind === 'frame' ? 1 : 0;
      this.#frames += frames;
      this.#handedOver++;
      const settle = (its: Outcome) => {
        this.#frames -= frames;
        this.#settle(qos, costOf(packet), open, its);
      };
      outcome.then(settle, () => settle('refused'));
    }
  }

  #receive({ topic, payload, qos, packetId, dup, size }: Publish): Receipt {
    const { source, client, receive } = this.#options;
    const packet = { client: client(), packetId, dup };
    const message: Message = { source, topic, payload, ...(qos > 0 && { packet }) };
    if (size > MAX_MESSAGE) {
      const reason = `message has ${size} bytes; at most ${MAX_MESSAGE} are taken`;
      const kept = Buffer.from(payload.subarray(0, KEPT_OF_TOO_LARGE));
      return receive({ ...message, payload: kept, problem: { code: 'MESSAGE_TOO_LARGE', reason } });
    }
    try {
      return receive(message);
    } catch (error) {
      // The broker would send it again for ever, and what comes after it would never arrive.
      const reason = `message could not be taken apart: ${(error as Error).message}`;
      return receive({ ...message, problem: { code: 'NOT_UNDERSTOOD', reason } });
    }
  }

  #settle(qos: number, bytes: number, open: Open, outcome: Outcome): void {
    this.#bytes -= bytes;
    if (outcome !== 'refused') {
      open.settled = true;
    } else if (qos === 0) {
      this.#options.counts.lost++;
    } else {
      this.#refuse();
    }
    if (--this.#handedOver === 0) this.#onSettled?.();
    if (this.#ended) return;
    this.#flushSoon();
    this.#handOver();
    if (this.#paused && this.#bytes < MAX_WAITING_BYTES / 2) {
      this.#paused = false;
      this.#options.resumeReading();
    }
  }

  #refuse(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#waiting = [];
    this.#options.refused();
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      if (!this.#ended) this.#flush();
    });
  }

  #flush(): void {
    const first = this.#open.findIndex(({ settled }) => !settled);
    const settled = this.#open.splice(0, first === -1 ? this.#open.length : first);
    if (settled.length > 0) this.#options.send(acknowledgements(settled));
  }
}

const costOf = ({ topic, payload }: Publish): number => topic.length + payload.length + OVERHEAD;
