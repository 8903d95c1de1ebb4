import fc from 'fast-check';
import type kafkajs from 'kafkajs';
import groupMessagesPerPartition from 'kafkajs/src/producer/groupMessagesPerPartition.js';
import { expect, test } from 'vitest';
import { cheaplyGrouped, messagesOf } from './messages.ts';

const key = fc.option(fc.constantFrom('a', 'b', 'c', 'd'));
const partitions = fc.array(fc.nat(3), { minLength: 1, maxLength: 40 });

test('kafkajs groups messages by partition as it always does, and may do so again for the next attempt', () => {
  fc.assert(
    fc.property(partitions, (partitions) => {
      const messages = partitions.map((partition, i): kafkajs.Message => ({ value: String(i), partition }));
      const group = (messages: kafkajs.Message[]) =>
        groupMessagesPerPartition({
          topic: 'a',
          partitionMetadata: [0, 1, 2, 3],
          messages,
          partitioner: ({ message }) => message.partition!,
        });
      const usual = group(messages.slice());
      const cheap = cheaplyGrouped(messages);
      expect(group(cheap)).toEqual(usual);
      expect(group(cheaplyGrouped(cheap))).toEqual(usual);
    }),
  );
});

test('records of several batches for a topic come together, in order', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ topic: fc.constantFrom('x', 'y'), keys: fc.array(key) })), (input) => {
      const batches = input.map(({ topic, keys }, batch) => ({
        topic,
        records: keys.map((key, at) => ({ key, value: `${batch}.${at}` })),
      }));
      const found = messagesOf(batches);
      expect(found.map(({ topic }) => topic)).toEqual([...new Set(batches.map(({ topic }) => topic))]);
      for (const { topic, messages } of found) {
        expect(messages).toEqual(batches.filter((batch) => batch.topic === topic).flatMap(({ records }) => records));
      }
    }),
  );
});
