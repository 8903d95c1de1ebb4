import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { FRAME_WINDOW, type Outcome, type Waiter, whenSettled } from '../../buffer/index.ts';
import type { Receipt } from '../input.ts';
import type { Access } from './access.ts';
import type { Flow, Flowing } from './flow.ts';
import {
  ackOf,
  bytesOfAcks,
  CONNECT,
  checkTopic,
  DISCONNECT,
  PacketError,
  PacketReader,
  PUBACK,
  PUBCOMP,
  PUBLISH,
  PUBREC,
  PUBREL,
  type Publish,
  readPublish,
  readPubrel,
  SUBSCRIBE,
} from './packets.ts';
import { leaveUnread, movesWhenRead, readOn } from './unread.ts';

/** Of a CONNECT. */
const FIRST_BYTE = 0x10;
/** What acknowledges a message of each QoS. */
const ACKS = [0, PUBACK, PUBREC] as const;

/** A message that was handed over; `size` as in a receipt. */
export type Taken = Pick<Receipt, 'outcome' | 'size'>;

/** Who decides what becomes of a device's messages. */
export interface ConnectionOwner {
  /** The message is acknowledged when its outcome is `stored` or `duplicate`; on `refused` the connection is closed. */
  publish(connection: DeviceConnection, message: Publish): Taken;
  /** A message of this QoS was refused. */
  refused(qos: 0 | 1 | 2): void;
  /** The device will not send the QoS 2 message with this id again. */
  release(connection: DeviceConnection, packetId: number): PromiseLike<Outcome>;
  /** The device does not read what is sent to it; the connection is being closed. */
  fellBehind(connection: DeviceConnection): void;
  /** The device broke the protocol; the connection is being closed. */
  broken(connection: DeviceConnection, error: PacketError, bytes: Buffer): void;
}

/** A message on its way, and with what to acknowledge it: nothing (0) with QoS 0. */
class Pending implements Waiter {
  readonly type: number;
  readonly packetId: number;
  /** Bytes of memory that it takes until it is settled. */
  readonly size: number;
  settled = false;
  readonly #told: (pending: Pending, outcome: Outcome) => void;

  /** `settled` is told when its outcome is known. */
  constructor(type: number, packetId: number, size: number, settled: (pending: Pending, outcome: Outcome) => void) {
    this.type = type;
    this.packetId = packetId;
    this.size = size;
    this.#told = settled;
  }

  settle(outcome: Outcome): void {
    this.settled = true;
    this.#told(this, outcome);
  }
}

/**
 * One device's connection. PUBLISH and its QoS 2 release are taken here, straight off the socket; every other packet goes through `stream` to
 * the MQTT broker, which never sees a message that has to reach the disk. Keeps the order of packets, of messages and of acknowledgements.
 */
export class DeviceConnection implements Flowing {
  /** The connection as the broker sees it. */
  readonly stream: Duplex;
  readonly socket: Socket;
  /** Set at login. */
  access: Access | undefined;
  clientId = '';
  /** The session outlives the connection (`clean session` was not asked for), and is one that was known. */
  persistent = false;
  resumed = false;
  /** How long the device may be silent, 0 for ever; in ms. */
  silenceMs = 0;
  #heardAt = performance.now();
  /** Bytes that the system had not taken when it was looked at last. */
  #unsent = 0;
  /** What moves when the device reads, and since when it has not; undefined while there is nothing to read. */
  #read: number | undefined;
  #readAt = 0;
  readonly #owner: ConnectionOwner;
  readonly #flow: Flow;
  readonly #reader = new PacketReader();
  /** Packet id → whether it is acknowledged, of QoS 2 messages that the device has not released. */
  readonly #unreleased = new Map<number, boolean>();
  /** In the order in which they came; the first `#answered` of them are done with. */
  #pending: Pending[] = [];
  #answered = 0;
  #acks: number[] = [];
  #state: 'new' | 'connecting' | 'open' | 'over' = 'new';
  #congested = false;
  #brokerFull = false;
  /** The broker has yet to take up a SUBSCRIBE: what the device publishes after it may be meant for itself. */
  #subscribing = false;
  #greeted = false;
  #unread = false;

  constructor(socket: Socket, owner: ConnectionOwner, flow: Flow) {
    this.socket = socket;
    this.#owner = owner;
    this.#flow = flow;
    this.stream = new Duplex({
      readableHighWaterMark: 4_096,
      read: () => {
        this.#brokerFull = false;
        this.resume();
      },
      write: (bytes: Buffer, _encoding, done) => this.#send(bytes, done),
      writev: (parts, done) => this.#send(Buffer.concat(parts.map(({ chunk }) => chunk as Buffer)), done),
      final: (done) => {
        socket.end();
        done();
      },
      destroy: (error, done) => {
        this.#over();
        socket.destroy();
        done(error);
      },
    });
    socket.on('data', (bytes) => {
      if (this.#state === 'over') return;
      this.#heardAt = performance.now();
      // Whatever speaks something else might never send as many bytes as its second one says.
      if (this.#state === 'new' && this.#reader.left === 0 && bytes[0] !== FIRST_BYTE) return this.#broken(NO_CONNECT);
      this.#reader.push(bytes);
      this.#take();
    });
    socket.on('drain', () => {
      this.#congested = false;
      this.#look();
      this.resume();
    });
    socket.on('end', () => this.stream.push(null));
    socket.on('close', () => this.stream.destroy());
    // Its reason is of no use to anybody, and `close` follows.
    socket.on('error', () => {});
  }

  /** Login is over: what the device has sent since is taken now. */
  open(): void {
    if (this.#state !== 'connecting') return;
    this.#state = 'open';
    this.resume();
  }

  /** The broker has taken up a SUBSCRIBE. */
  subscribed(): void {
    this.#subscribing = false;
    this.resume();
  }

  /** Takes and answers nothing more; the broker closes it when it sees fit. */
  stop(): void {
    this.flush();
    this.#over();
  }

  close(): void {
    this.flush();
    this.stream.destroy();
  }

  /** Whether the device should have been heard of. `now` is `performance.now()`. */
  isSilent(now: number): boolean {
    if (this.#state !== 'open' || this.silenceMs === 0 || this.socket.isPaused()) return false;
    return now - this.#heardAt > this.silenceMs;
  }

  /** Closes the connection if its device has read nothing for so many ms, although something was there for it. `now` is `performance.now()`. */
  closeIfStuck(now: number, patienceMs: number): void {
    const read = this.socket.writableLength === 0 ? undefined : movesWhenRead(this.socket);
    if (read === undefined || read !== this.#read) {
      this.#read = read;
      this.#readAt = now;
    } else if (now - this.#readAt > patienceMs) this.#fellBehind();
  }

  resume(): void {
    if (this.#state === 'over') return;
    if (this.socket.isPaused()) this.#heardAt = performance.now();
    this.#take();
  }

  /** Leaves unread what the device sends from now on, or reads it. */
  rest(resting: boolean): void {
    if (resting) this.#unread ||= this.#state === 'open' && leaveUnread(this.socket);
    else if (this.#unread) {
      this.#unread = false;
      readOn(this.socket);
    }
  }

  flush(): void {
    const acks = this.#acks;
    if (acks.length > 0 && this.#state !== 'over' && this.socket.writable) {
      this.#acks = [];
      if (!this.#write(bytesOfAcks(acks))) this.#congested = true;
    }
    if (this.socket.isPaused()) this.resume();
  }

  #take(): void {
    try {
      while (this.#mayTake() && this.#reader.next()) this.#dispatch();
    } catch (error) {
      this.#broken(error as PacketError);
    }
    if (this.#state === 'over') return;
    if (!this.#mayTake()) this.socket.pause();
    else if (this.socket.isPaused()) this.socket.resume();
  }

  #mayTake(): boolean {
    if (this.#state !== 'open') return this.#state === 'new';
    if (this.#subscribing || this.#brokerFull || this.#congested) return false;
    if (this.#pending.length - this.#answered >= FRAME_WINDOW) return false;
    if (this.#flow.hasRoom) return true;
    this.#flow.block(this);
    return false;
  }

  /** @throws PacketError */
  #dispatch(): void {
    const reader = this.#reader;
    const type = reader.head >> 4;
    if ((type === CONNECT) !== (this.#state === 'new')) {
      throw NO_CONNECT;
    }
    if (type === PUBLISH) {
      const message = readPublish(reader);
      checkTopic(reader, message.topic);
      this.#publish(message);
    } else if (type === PUBREL) this.#release(readPubrel(reader));
    else this.#passOn(type, reader.bytes.subarray(reader.start, reader.end));
  }

  #passOn(type: number, packet: Buffer): void {
    if (type === CONNECT) this.#state = 'connecting';
    if (type === SUBSCRIBE) this.#subscribing = true;
    this.#brokerFull = !this.stream.push(packet);
    if (type === DISCONNECT) this.#over();
  }

  #release(packetId: number): void {
    if (this.#unreleased.delete(packetId)) this.#flow.letGo(1);
    this.#settle(this.#owner.release(this, packetId), PUBCOMP, packetId, 0);
  }

  /** @throws PacketError */
  #publish(message: Publish): void {
    const { qos, packetId } = message;
    if (qos === 2) {
      const acknowledged = this.#unreleased.get(packetId);
      // A repeat of what is still on its way: one answer is enough.
      if (acknowledged === false) return;
      if (acknowledged === true) {
        this.#settle(Promise.resolve('duplicate'), PUBREC, packetId, 0);
        return;
      }
      if (!this.#flow.hold())
        throw new PacketError('PACKET_MALFORMED', 'more QoS 2 messages without a PUBREL than fit');
      this.#unreleased.set(packetId, false);
    }
    const { outcome, size } = this.#owner.publish(this, message);
    this.#settle(outcome, ACKS[qos], packetId, message.payload.length + size);
  }

  #settle(outcome: PromiseLike<Outcome>, type: number, packetId: number, size: number): void {
    const pending = new Pending(type, packetId, size, this.#onSettled);
    this.#pending.push(pending);
    this.#flow.taken(size);
    whenSettled(outcome, pending);
  }

  readonly #onSettled = ({ type, size }: Pending, outcome: Outcome): void => {
    this.#flow.settled(this, size);
    if (outcome === 'refused') this.#refused(type);
    else this.#answer();
  };

  /** Acknowledges what is settled, in the order in which it came. */
  #answer(): void {
    const all = this.#pending;
    while (this.#answered < all.length && all[this.#answered]!.settled) {
      const { type, packetId } = all[this.#answered++]!;
      if (type === PUBREC && this.#unreleased.has(packetId)) this.#unreleased.set(packetId, true);
      if (type !== 0) this.#acks.push(ackOf(type, packetId));
    }
    if (this.#answered < all.length && this.#answered < FRAME_WINDOW) return;
    all.splice(0, this.#answered);
    this.#answered = 0;
  }

  #refused(type: number): void {
    this.#owner.refused(type === 0 ? 0 : type === PUBACK ? 1 : 2);
    this.close();
  }

  /** The device broke the protocol: it is told to the owner, and the connection ends. */
  #broken(error: PacketError): void {
    this.#owner.broken(this, error, this.#reader.bytes.subarray(this.#reader.start));
    this.close();
  }

  #send(bytes: Buffer, done: () => void): void {
    if (!this.#greeted && bytes[0] === 0x20) {
      this.#greeted = true;
      // The broker's own sessions are only their subscriptions; a device is told of its QoS 2 state too.
      if (bytes[3] === 0) bytes[2] = this.resumed ? 1 : 0;
    }
    // The broker is never kept waiting: all its other subscribers would wait with it.
    if (this.socket.writable) this.#write(bytes);
    done();
  }

  #write(bytes: Buffer): boolean {
    const isTaken = this.socket.write(bytes);
    this.#look();
    return isTaken;
  }

  #look(): void {
    const before = this.#unsent;
    this.#unsent = this.#state === 'over' ? 0 : this.socket.writableLength;
    if (!this.#flow.unsent(before, this.#unsent)) this.#fellBehind();
  }

  #fellBehind(): void {
    this.#owner.fellBehind(this);
    this.stream.destroy();
  }

  #over(): void {
    this.#state = 'over';
    this.#acks = [];
    this.#flow.letGo(this.#unreleased.size);
    this.#unreleased.clear();
    this.#flow.leave(this);
    this.#look();
  }
}

const NO_CONNECT = new PacketError(
  'PACKET_MALFORMED',
  'something else than one CONNECT in the first packet of a connection',
);
