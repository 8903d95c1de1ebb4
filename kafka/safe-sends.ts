import kafkajs from 'kafkajs';
import { cheaplyGrouped, messagesOf } from './messages.ts';
import type { TopicBatch } from './types.ts';

/**
 * Keeps three promises of an idempotent producer that kafkajs breaks when a send fails and is repeated:
 *
 * - No duplicates. kafkajs repeats a send with those brokers that have not answered by then. Where a request is still under way, a partition's leader
 *   has moved or a connection is new, it writes records again, with sequence numbers that the broker takes for new ones. A send that goes to one
 *   broker only is repeated with the same numbers. So every send is divided by leader, and an attempt that would reach a second broker is stopped
 *   before anything of it leaves.
 * - No hanging on. Where a broker does not answer a request in time, kafkajs asks the same one again, and again, while another has long become the
 *   leader. So an attempt that follows one that took so long is stopped, and whoever sends opens a new producer.
 * - No loss. The numbers of a failed send are given to the next one, which the broker then drops as a duplicate if the failed one did arrive.
 *   So sends wait for one another, and after one has failed for good there is no next.
 */
export interface SafeSends {
  readonly createPartitioner: kafkajs.ICustomPartitioner;
  /** Sends parts that go to one broker each, in order; `deliver` is kafkajs's sending with the partitioner above. */
  send(batches: readonly TopicBatch[], deliver: Deliver): Promise<void>;
}

type Partitioner = ReturnType<kafkajs.ICustomPartitioner>;
type Deliver = (part: kafkajs.TopicMessages[]) => Promise<unknown>;

/** `giveUpMs`: an attempt that took longer is the last. */
export function safeSends(giveUpMs: number): SafeSends {
  const choose = rememberLast(kafkajs.Partitioners.DefaultPartitioner());
  /** As kafkajs last showed them. */
  const metadata = new Map<string, kafkajs.PartitionMetadata[]>();
  /** The part under way. Its first message marks the beginning of each attempt. */
  let first: kafkajs.Message | undefined;
  let leader: number | undefined;
  let several = false;
  let begun: number | undefined;
  let before: Promise<void> = Promise.resolve();

  const leaderOf = (topic: string, message: kafkajs.Message): number | undefined => {
    const partitionMetadata = metadata.get(topic);
    if (!partitionMetadata) return undefined;
    // Chosen once: a repetition must write to the same partition.
    message.partition ??= choose({ topic, partitionMetadata, message });
    return partitionMetadata.find((p) => p.partitionId === message.partition)?.leader;
  };

  const sendParts = async (batches: readonly TopicBatch[], deliver: Deliver) => {
    const waiting = [messagesOf(batches)];
    for (let part = waiting.shift(); part; part = waiting.shift()) {
      const parts = divide(part, leaderOf);
      if (parts.length > 1) {
        waiting.unshift(...parts);
        continue;
      }
      first = part[0]?.messages[0];
      several = false;
      begun = undefined;
      try {
        for (const { messages } of part) cheaplyGrouped(messages);
        await deliver(part);
      } catch (error) {
        if (!several) throw error;
        // Where the leaders are is known better now.
        waiting.unshift(part);
      }
    }
  };

  return {
    createPartitioner:
      () =>
      ({ topic, partitionMetadata, message }) => {
        metadata.set(topic, partitionMetadata);
        const its = leaderOf(topic, message);
        if (message === first) {
          const now = performance.now();
          if (now - (begun ?? now) > giveUpMs) throw stop('the broker did not answer in time');
          begun = now;
          leader = its;
        }
        if (its !== leader) {
          several = true;
          throw stop('one send would reach several brokers');
        }
        return message.partition!;
      },

    send(batches, deliver) {
      const mine = before.then(() => sendParts(batches, deliver));
      mine.catch(() => {});
      before = mine;
      return mine;
    },
  };
}

/** kafkajs repeats a send after any error that does not say that this is in vain. */
function stop(why: string): Error {
  return Object.assign(new Error(why), { retriable: false });
}

/** Many messages in a row have the same key, and to hash it takes longer than to encode the message. */
function rememberLast(choose: Partitioner): Partitioner {
  let last:
    | { readonly topic: string; readonly key: unknown; readonly of: number; readonly partition: number }
    | undefined;
  return (asked) => {
    const { topic, message, partitionMetadata } = asked;
    const { key = null } = message;
    if (key === null) return choose(asked);
    const of = partitionMetadata.length;
    if (last?.key !== key || last.topic !== topic || last.of !== of)
      last = { topic, key, of, partition: choose(asked) };
    return last.partition;
  };
}

/** Divides messages by leader, those whose leader is not known together; the order within a partition stays. */
function divide(
  part: readonly kafkajs.TopicMessages[],
  leaderOf: (topic: string, message: kafkajs.Message) => number | undefined,
): kafkajs.TopicMessages[][] {
  const byLeader = new Map<number | undefined, kafkajs.TopicMessages[]>();
  for (const { topic, messages } of part) {
    for (const message of messages) {
      const leader = leaderOf(topic, message);
      const mine = byLeader.get(leader) ?? [];
      if (mine.length === 0) byLeader.set(leader, mine);
      if (mine.at(-1)?.topic !== topic) mine.push({ topic, messages: [] });
      mine.at(-1)!.messages.push(message);
    }
  }
  return [...byLeader.values()];
}
