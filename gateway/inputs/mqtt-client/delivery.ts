import { FRAME_WINDOW, type Outcome, type Waiter, whenSettled } from '../../buffer/index.ts';
import { handOver, type Message, type Receipt, type Receive } from '../input.ts';
import { ackOf, bytesOfAcks, MAX_PACKET, PUBACK, PUBCOMP, PUBREC, type Publish } from '../mqtt/packets.ts';

/**
 * Memory of messages not yet on disk from which on the connection is not read, until half of them are: mosquitto 2.0 heeds no bound on
 * unacknowledged messages while they come live. So few that the nursery for short-lived objects holds them.
 */
const MAX_WAITING_BYTES = 2 * 1_024 * 1_024;
/** What a message costs in memory beyond its bytes and what becomes of them, about. */
const OVERHEAD = 1_536;
/** Bytes kept of a message that is too large: as many as a dead letter holds. */
const KEPT_OF_TOO_LARGE = 4_096;

export interface DeliveryOptions {
  readonly source: string;
  /** The session that packet ids belong to. */
  readonly client: string;
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

/** A message that is not settled, with what acknowledges it to the broker; or an acknowledgement that waits for its turn. */
class Open implements Waiter {
  readonly ack: number;
  readonly qos: 0 | 1 | 2;
  cost: number;
  isFrame = false;
  settled = false;
  readonly #told: ((open: Open, outcome: Outcome) => void) | undefined;

  /** `settled` is told what became of it; without it, it is settled from the beginning. */
  constructor(ack: number, qos: 0 | 1 | 2, cost: number, settled?: (open: Open, outcome: Outcome) => void) {
    this.ack = ack;
    this.qos = qos;
    this.cost = cost;
    this.settled = settled === undefined;
    this.#told = settled;
  }

  settle(outcome: Outcome): void {
    this.#told?.(this, outcome);
  }
}

interface Waiting {
  readonly packet: Publish;
  readonly size: number;
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
  #client: string;
  #waiting: Waiting[] = [];
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
    this.#client = options.client;
  }

  /** The session that packet ids belong to is another one. */
  set client(client: string) {
    this.#client = client;
  }

  /** `size`: bytes of the packet on the wire. */
  publish(packet: Publish, size: number): void {
    if (this.#ended) return;
    this.#options.counts.messages++;
    if (packet.retain) {
      this.#leaveOut(packet);
      return;
    }
    this.#hold(costOf(packet));
    if (this.#mayHandOver() && this.#waiting.length === 0) this.#handOver(packet, size);
    else this.#waiting.push({ packet, size });
  }

  /** The broker will not send the QoS 2 message of this id again. */
  released(packetId: number): void {
    if (this.#ended) return;
    this.#answer(ackOf(PUBCOMP, packetId));
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
    if (qos > 0) this.#answer(ackOf(qos === 1 ? PUBACK : PUBREC, packetId));
  }

  #answer(ack: number): void {
    this.#open.push(new Open(ack, 0, 0));
    this.#flushSoon();
  }

  #mayHandOver(): boolean {
    return this.#frames < FRAME_WINDOW && !this.#ended;
  }

  // What is kept until the message is on disk is small: not the packet, which holds on to the chunk that it came in.
  #handOver(packet: Publish, size: number): void {
    const { qos, packetId } = packet;
    const ack = qos === 0 ? 0 : ackOf(qos === 1 ? PUBACK : PUBREC, packetId);
    const open = new Open(ack, qos, costOf(packet), this.#settle);
    if (qos > 0) this.#open.push(open);
    const { id, outcome, size: made } = this.#receive(packet, size);
    open.cost += made;
    this.#hold(made);
    if (id?.kind === 'frame') {
      open.isFrame = true;
      this.#frames++;
    }
    this.#handedOver++;
    whenSettled(outcome, open);
  }

  #receive({ topic, payload, qos, packetId, dup }: Publish, size: number): Receipt {
    const { source, receive } = this.#options;
    const packet = qos === 0 ? undefined : { client: this.#client, packetId, dup };
    const message: Message = { source, topic, payload, packet };
    if (size > MAX_PACKET) {
      const reason = `message has ${size} bytes; at most ${MAX_PACKET} are taken`;
      const kept = Buffer.from(payload.subarray(0, KEPT_OF_TOO_LARGE));
      return receive({ ...message, payload: kept, problem: { code: 'MESSAGE_TOO_LARGE', reason } });
    }
    return handOver(receive, message);
  }

  readonly #settle = (open: Open, outcome: Outcome): void => {
    this.#bytes -= open.cost;
    if (open.isFrame) this.#frames--;
    if (outcome !== 'refused') {
      open.settled = true;
    } else if (open.qos === 0) {
      this.#options.counts.lost++;
    } else {
      this.#refuse();
    }
    if (--this.#handedOver === 0) this.#onSettled?.();
    if (this.#ended) return;
    this.#flushSoon();
    while (this.#waiting.length > 0 && this.#mayHandOver()) {
      const { packet, size } = this.#waiting.shift()!;
      this.#handOver(packet, size);
    }
    if (this.#paused && this.#bytes < MAX_WAITING_BYTES / 2) {
      this.#paused = false;
      this.#options.resumeReading();
    }
  };

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
    if (settled.length > 0) this.#options.send(bytesOfAcks(settled.map(({ ack }) => ack)));
  }
}

const costOf = ({ topic, payload }: Publish): number => topic.length + payload.length + OVERHEAD;
