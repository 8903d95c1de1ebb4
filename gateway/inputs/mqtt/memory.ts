import type { Sessions } from './sessions.ts';

const MIB = 1_024 * 1_024;
/** Messages that wait in memory for one client, and for all. Those who are away leave some of the room to those who are connected. */
const MOST_OF_ONE: Amount = { count: 1_000, bytes: MIB };
const MOST_IN_ALL: Amount = { count: 10_000, bytes: 4 * MIB };
const MOST_IN_ALL_FOR_AWAY: Amount = { count: 7_500, bytes: 3 * MIB };
/** Retained messages, their number and their bytes. */
const MAX_RETAINED = 10_000;
const MAX_RETAINED_BYTES = 4 * MIB;

interface Amount {
  count: number;
  bytes: number;
}

interface Packet {
  readonly topic: string;
  readonly payload: Buffer;
}
/** A message, or a PUBREL in its place. */
interface Sent extends Partial<Packet> {
  readonly messageId: number;
}
interface Client {
  readonly id: string;
}
interface Subscription {
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
}

/** The part of the broker's memory that grows with what clients do. */
export interface BrokerMemory {
  storeRetained(packet: Packet): Promise<void>;
  addSubscriptions(client: Client, subscriptions: readonly Subscription[]): Promise<void>;
  removeSubscriptions(client: Client, topics: readonly string[]): Promise<void>;
  outgoingEnqueueCombi(to: readonly { readonly clientId: string }[], packet: Packet): Promise<void>;
  /** Notes the packet id under which a message was sent, or that its payload is no longer needed. */
  outgoingUpdate(client: Client, packet: Sent): Promise<void>;
  outgoingClearMessageId(client: Client, packet: Partial<Sent>): Promise<Partial<Packet> | undefined>;
}

export interface MemoryHooks {
  /** Whether the client, which is connected, may subscribe to this. */
  mayRead(clientId: string, filter: string): boolean;
  isConnected(clientId: string): boolean;
  /** Something was beyond the bounds and is not kept. */
  onDropped(): void;
}

/** Messages of one client that wait. */
interface Queue extends Amount {
  /** Packet id → bytes, of those that were sent to it. */
  readonly sent: Map<number, number>;
}

/** By which PUBRELs are told from messages. */
const RELEASES = 'releases';
/** No packet id that a client is ever sent. */
const NOT_SENT = 0;
const bytesOf = ({ topic = '', payload }: Partial<Packet>): number => topic.length + (payload?.length ?? 0);
const fits = ({ count, bytes }: Amount, more: number, most: Amount): boolean =>
  count < most.count && bytes + more <= most.bytes;

/** Sets bounds to what the broker keeps in memory for subscribers, and keeps the subscriptions of lasting sessions over restarts. */
export async function boundMemory(
  memory: BrokerMemory,
  sessions: Sessions,
  { mayRead, isConnected, onDropped }: MemoryHooks,
): Promise<void> {
  const inner = {
    storeRetained: memory.storeRetained.bind(memory),
    addSubscriptions: memory.addSubscriptions.bind(memory),
    removeSubscriptions: memory.removeSubscriptions.bind(memory),
    outgoingEnqueueCombi: memory.outgoingEnqueueCombi.bind(memory),
    outgoingUpdate: memory.outgoingUpdate.bind(memory),
    outgoingClearMessageId: memory.outgoingClearMessageId.bind(memory),
  };
  const queued = new Map<string, Queue>();
  const inAll: Amount = { count: 0, bytes: 0 };
  /** Payload → clients for which no room was left. They may be connected, and are sent it all the same. */
  const leftOut = new WeakMap<Buffer, Set<string>>();
  const retained = new Map<string, number>();
  let retainedBytes = 0;

  for (const { clientId, topic, qos } of sessions.subscriptions()) {
    await memory.addSubscriptions({ id: clientId }, [{ topic, qos: qos as 0 | 1 | 2 }]);
  }

  function add(queue: Queue, count: number, bytes: number): void {
    for (const amount of [queue, inAll]) {
      amount.count += count;
      amount.bytes += bytes;
    }
  }

  memory.storeRetained = (packet) => {
    const had = retained.get(packet.topic);
    const bytes = packet.payload.length === 0 ? 0 : bytesOf(packet);
    const after = retainedBytes - (had ?? 0) + bytes;
    if (bytes > 0 && (after > MAX_RETAINED_BYTES || (had === undefined && retained.size >= MAX_RETAINED))) {
      onDropped();
      return Promise.resolve();
    }
    retainedBytes = after;
    if (bytes === 0) retained.delete(packet.topic);
    else retained.set(packet.topic, bytes);
    return inner.storeRetained(packet);
  };

  memory.outgoingEnqueueCombi = (to, packet) => {
    const bytes = bytesOf(packet);
    const taken = to.filter(({ clientId }) => {
      const queue = queued.get(clientId) ?? { count: 0, bytes: 0, sent: new Map() };
      const mostInAll = isConnected(clientId) ? MOST_IN_ALL : MOST_IN_ALL_FOR_AWAY;
      if (!fits(queue, bytes, MOST_OF_ONE) || !fits(inAll, bytes, mostInAll)) {
        onDropped();
        leftOut.set(packet.payload, (leftOut.get(packet.payload) ?? new Set()).add(clientId));
        return false;
      }
      queued.set(clientId, queue);
      add(queue, 1, bytes);
      return true;
    });
    return inner.outgoingEnqueueCombi(taken, packet);
  };

  memory.outgoingUpdate = async (client, packet) => {
    const { topic, payload, messageId } = packet;
    const isRelease = topic === undefined;
    // It would take the place of another PUBREL: what has no number is one and the same to aedes.
    if (isRelease) Object.assign(packet, { brokerId: RELEASES, brokerCounter: messageId });
    try {
      await inner.outgoingUpdate(client, packet);
    } catch (error) {
      // aedes would cut the client off. It may have this message although none is kept, and a PUBREC is answered in any case.
      if (!isRelease && !leftOut.get(payload!)?.has(client.id)) throw error;
      return;
    }
    // A PUBREL that takes a message's place has nothing that would tell its bytes later.
    if (!isRelease) queued.get(client.id)?.sent.set(messageId, bytesOf(packet));
  };

  memory.outgoingClearMessageId = async (client, packet) => {
    const { messageId = NOT_SENT } = packet;
    // A message that is not sent to it (again, or at all) has no packet id yet: without one, the first of all those without would go.
    if (messageId === NOT_SENT) inner.outgoingUpdate(client, { ...packet, messageId }).catch(() => {});
    const cleared = await inner.outgoingClearMessageId(client, { messageId });
    const queue = queued.get(client.id);
    if (cleared === undefined || queue === undefined) return cleared;
    add(queue, -1, -(queue.sent.get(messageId) ?? bytesOf(cleared)));
    queue.sent.delete(messageId);
    if (queue.count === 0) queued.delete(client.id);
    return cleared;
  };

  memory.addSubscriptions = async (client, subscriptions) => {
    // The broker comes with all subscriptions of a packet, also those that are being refused.
    const granted = subscriptions.filter(({ topic }) => mayRead(client.id, topic));
    await inner.addSubscriptions(client, granted);
    await Promise.all(granted.map(({ topic, qos }) => sessions.subscribe(client.id, topic, qos)));
  };

  memory.removeSubscriptions = async (client, topics) => {
    await inner.removeSubscriptions(client, topics);
    await sessions.unsubscribe(client.id, topics);
  };
}
