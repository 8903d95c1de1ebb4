import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type FetchedMessage, hideAborted } from './read-committed.ts';

interface Entry {
  readonly message: FetchedMessage;
  readonly aborted: boolean;
}

/** A partition that producers write to in turn. Each step is one's record, or the end of its transaction. */
function writeLog(steps: readonly { producer: number; does: 'write' | 'commit' | 'abort' | 'write alone' }[]) {
  const log: { producerId: string; offset: number; control?: number; inTransaction: boolean; transaction?: object }[] =
    [];
  const open = new Map<string, { first: number }>();
  const aborted = new Set<object>();
  /** As the broker keeps them: in the order of their ends. */
  const index: { producerId: string; first: number; last: number }[] = [];
  for (const { producer, does } of steps) {
    const producerId = String(producer);
    const offset = log.length;
    if (does === 'write alone') log.push({ producerId: '-1', offset, inTransaction: false });
    else if (does === 'write') {
      const transaction = open.get(producerId) ?? { first: offset };
      open.set(producerId, transaction);
      log.push({ producerId, offset, inTransaction: true, transaction });
    } else {
      const transaction = open.get(producerId);
      if (!transaction) continue;
      open.delete(producerId);
      if (does === 'abort') {
        aborted.add(transaction);
        index.push({ producerId, first: transaction.first, last: offset });
      }
      log.push({ producerId, offset, inTransaction: true, control: does === 'abort' ? 0 : 1 });
    }
  }
  const stable = Math.min(log.length, ...Array.from(open.values(), ({ first }) => first));
  const entries = log.slice(0, stable).map(({ producerId, offset, control, inTransaction, transaction }): Entry => {
    const isControlBatch = control !== undefined;
    const message = {
      offset: String(offset),
      key: isControlBatch ? Buffer.from([0, 0, 0, control]) : Buffer.from([0, 0, 0, 0]),
      isControlRecord: isControlBatch,
      batchContext: { producerId, inTransaction, isControlBatch },
    };
    return { message, aborted: isControlBatch || (transaction !== undefined && aborted.has(transaction)) };
  });
  return { entries, index };
}

const steps = fc.array(
  fc.record({
    producer: fc.nat(3),
    does: fc.constantFrom(...(['write', 'write', 'write', 'commit', 'abort', 'write alone'] as const)),
  }),
  { maxLength: 60 },
);

test('wherever a fetch begins and ends, exactly what was aborted is hidden', () => {
  fc.assert(
    fc.property(steps, fc.nat(60), fc.nat(60), (steps, from, count) => {
      const { entries, index } = writeLog(steps);
      const fetched = entries.slice(from, from + count);
      const abortedTransactions = index
        .filter(({ first, last }) => last >= from && first < from + count)
        .map(({ producerId, first }) => ({ producerId, firstOffset: String(first) }));
      const partition = { abortedTransactions, messages: fetched.map(({ message }) => message) };
      hideAborted(partition);
      expect(fetched.map(({ message }) => message.isControlRecord)).toEqual(fetched.map(({ aborted }) => aborted));
      expect(partition.abortedTransactions).toEqual([]);
    }),
    { numRuns: 500 },
  );
});
