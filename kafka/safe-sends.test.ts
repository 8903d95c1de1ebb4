import fc from 'fast-check';
import kafkajs from 'kafkajs';
import { expect, test } from 'vitest';
import { safeSends } from './safe-sends.ts';

/** Leaders of the four partitions of two topics. */
type Leaders = Readonly<Record<string, readonly number[]>>;

const metadataOf = (leaders: readonly number[]): kafkajs.PartitionMetadata[] =>
  leaders.map((leader, partitionId) => ({ partitionErrorCode: 0, partitionId, leader, replicas: [], isr: [] }));

/** Sends as kafkajs does: partitions every message, repeats what may be repeated, with the leaders of the moment at each attempt. */
function client(leadersAt: readonly Leaders[], failures: readonly boolean[]) {
  const sends = safeSends(60_000);
  const partitioner = sends.createPartitioner();
  const written: { topic: string; partition: number; value: string }[] = [];
  let attempts = 0;
  const deliver = async (part: kafkajs.TopicMessages[]) => {
    for (;;) {
      const leaders = leadersAt[Math.min(attempts, leadersAt.length - 1)]!;
      const fails = failures[attempts] ?? false;
      attempts++;
      const requests = new Set<number>();
      const records = part.flatMap(({ topic, messages }) =>
        messages.map((message) => {
          const partition = partitioner({ topic, partitionMetadata: metadataOf(leaders[topic]!), message });
          requests.add(leaders[topic]![partition]!);
          return { topic, partition, value: String(message.value) };
        }),
      );
      expect(requests.size).toBe(1);
      if (fails) continue;
      written.push(...records);
      return;
    }
  };
  return { sends, deliver, written };
}

const partitioner = kafkajs.Partitioners.DefaultPartitioner();
const partitionOfKey = (key: string) =>
  partitioner({ topic: 'a', partitionMetadata: metadataOf([0, 0, 0, 0]), message: { key, value: null } });

const leaders = fc.record({
  a: fc.tuple(...Array.from({ length: 4 }, () => fc.nat(2))),
  b: fc.tuple(...Array.from({ length: 4 }, () => fc.nat(2))),
});
const records = fc.array(
  fc.record({
    topic: fc.constantFrom('a', 'b'),
    key: fc.option(fc.string({ maxLength: 2 })),
    partition: fc.option(fc.nat(3), { nil: undefined }),
  }),
  { minLength: 1, maxLength: 30 },
);

test('however leaders move and requests fail, each request goes to one broker and each record is written once, in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      records,
      fc.array(leaders, { minLength: 1, maxLength: 12 }),
      fc.array(fc.boolean(), { maxLength: 12 }),
      async (input, leadersAt, failures) => {
        const { sends, deliver, written } = client(leadersAt, failures);
        const batches = input.map(({ topic, key, partition }, i) => ({
          topic,
          records: [{ key, value: String(i), ...(partition !== undefined && { partition }) }],
        }));
        await sends.send(batches, deliver);
        expect(written.map((w) => Number(w.value)).sort((a, b) => a - b)).toEqual(input.map((_, i) => i));
        for (const topic of ['a', 'b']) {
          for (let partition = 0; partition < 4; partition++) {
            const mine = written
              .filter((w) => w.topic === topic && w.partition === partition)
              .map((w) => Number(w.value));
            expect(mine).toEqual([...mine].sort((a, b) => a - b));
          }
        }
        for (const { value, partition } of written) {
          const { key, partition: wanted } = input[Number(value)]!;
          expect(partition).toBe(wanted ?? (key === null ? partition : partitionOfKey(key)));
        }
      },
    ),
  );
});

test('an error of the sending itself comes through', async () => {
  const { sends } = client([], []);
  const refused = new Error('refused');
  await expect(
    sends.send([{ topic: 'a', records: [{ key: 'k', value: 'v' }] }], () => Promise.reject(refused)),
  ).rejects.toBe(refused);
});

test('sends wait for one another, and after a failed one nothing more is sent', async () => {
  const { createPartitioner, send } = safeSends(60_000);
  createPartitioner();
  const begun: string[] = [];
  const batch = (value: string) => [{ topic: 'a', records: [{ key: 'k', value }] }];
  const slow = send(batch('slow'), async () => {
    begun.push('slow');
    await new Promise((resolve) => setTimeout(resolve, 20));
    begun.push('slow over');
  });
  const failing = send(batch('failing'), async () => {
    begun.push('failing');
    throw new Error('no answer');
  });
  const after = send(batch('after'), async () => begun.push('after'));
  await expect(slow).resolves.toBeUndefined();
  await expect(failing).rejects.toThrow('no answer');
  await expect(after).rejects.toThrow('no answer');
  expect(begun).toEqual(['slow', 'slow over', 'failing']);
});

test('an attempt that follows one without an answer in time is stopped', async () => {
  const { createPartitioner, send } = safeSends(20);
  const partitioner = createPartitioner();
  const topics = metadataOf([1]);
  const attempt = ([part]: kafkajs.TopicMessages[]) =>
    partitioner({ topic: part!.topic, partitionMetadata: topics, message: part!.messages[0]! });
  const batch = [{ topic: 'a', records: [{ key: 'k', value: 'v' }] }];
  let attempts = 0;
  const hanging = send(batch, async (part) => {
    for (;;) {
      attempt(part);
      attempts++;
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  });
  await expect(hanging).rejects.toThrow('did not answer in time');
  expect(attempts).toBe(1);
});
