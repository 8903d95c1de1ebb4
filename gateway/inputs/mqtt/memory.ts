import type { Sessions } from './sessions.ts';

/** Messages that wait in memory for subscribers, those of one client and those of all, and the bytes of all. */
const MAX_QUEUED = 1_000;
const MAX_QUEUED_IN_ALL = 10_000;
const MAX_QUEUED_BYTES = 4 * 1_024 * 1_024;
/** Retained messages, their number and their bytes. */
const MAX_RETAINED = 10_000;
const MAX_RETAINED_BYTES = 4 * 1_024 * 1_024;

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
  /** Something was beyond the bounds and is not kept. */
  onDropped(): void;
}

/** Messages of one client that wait. */
interface Queue {
  count: number;
  /** Packet id → bytes, of those that were sent to it. */
  readonly sent: Map<number, number>;
}

const bytesOf = ({ topic = '', payload }: Partial<Packet>): number => topic.length + (payload?.length ?? 0);

/** Sets bounds to what the broker keeps in memory for subscribers, and keeps the subscriptions of lasting sessions over restarts. */
export async function boundMemory(
  memory: BrokerMemory,
  sessions: Sessions,
  { mayRead, onDropped }: MemoryHooks,
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
  let queuedInAll = 0;
  let queuedBytes = 0;
  const retained = new Map<string, number>();
  let retainedBytes = 0;

  for (const { clientId, topic, qos } of sessions.subscriptions()) {
    await memory.addSubscriptions({ id: clientId }, [{ topic, qos: qos as 0 | 1 | 2 }]);
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
      const queue = queued.get(clientId) ?? { count: 0, sent: new Map() };
      const isFull = queue.count >= MAX_QUEUED || queuedInAll >= MAX_QUEUED_IN_ALL;
      if (isFull || queuedBytes + bytes > MAX_QUEUED_BYTES) {
        onDropped();
        return false;
      }
      queued.set(clientId, queue);
      queue.count++;
      queuedInAll++;
      queuedBytes += bytes;
      return true;
    });
    return inner.outgoingEnqueueCombi(taken, packet);
  };

  memory.outgoingUpdate = async (client, packet) => {
    await inner.outgoingUpdate(client, packet);
    // A PUBREL that takes a message's place has nothing that would tell its bytes later.
    if (packet.payload !== undefined) queued.get(client.id)?.sent.set(packet.messageId, bytesOf(packet));
  };

  memory.outgoingClearMessageId = async (client, packet) => {
    const cleared = await inner.outgoingClearMessageId(client, packet);
    const queue = queued.get(client.id);
    if (cleared === undefined || queue === undefined) return cleared;
    queuedInAll--;
    queuedBytes -= queue.sent.get(packet.messageId!) ?? bytesOf(cleared);
    queue.sent.delete(packet.messageId!);
    if (--queue.count === 0) queued.delete(client.id);
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
