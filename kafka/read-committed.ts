// kafkajs 2.2.4 shows records of aborted transactions to readers. It takes the broker's list of aborted transactions to be in the order of their
// beginnings, while it is in that of their ends, and enters at most one of them at each record, also where a fetch begins in the midst of several. So
// wherever the transactions of more than one producer overlap in a partition, and some are aborted, some of what they wrote is taken for committed.

export interface FetchedPartition {
  abortedTransactions: readonly { readonly producerId: string; readonly firstOffset: string }[] | null;
  /** In order. */
  readonly messages: readonly FetchedMessage[];
}

/** A record, or several that were written in one batch. */
export interface FetchedMessage {
  /** Of the last record. */
  readonly offset: string;
  readonly key: Buffer | null;
  /** kafkajs keeps such a message from readers and counts its offset all the same. */
  isControlRecord: boolean;
  readonly batchContext?: {
    readonly producerId: string;
    readonly inTransaction: boolean;
    readonly isControlBatch: boolean;
  };
}

const ABORT = 0;

/** Decides for kafkajs which messages of a fetch were aborted, as the protocol has it: KIP-98, "Fetch Request". */
export function hideAborted(partition: FetchedPartition): void {
  if (!partition.abortedTransactions?.length) return;
  const starts = partition.abortedTransactions
    .map(({ producerId, firstOffset }) => ({ producerId, at: Number(firstOffset) }))
    .sort((a, b) => a.at - b.at);
  partition.abortedTransactions = [];
  const aborting = new Set<string>();
  let next = 0;
  for (const message of partition.messages) {
    const { offset, key, batchContext } = message;
    for (; next < starts.length && starts[next]!.at <= Number(offset); next++) aborting.add(starts[next]!.producerId);
    if (!batchContext) continue;
    const { producerId, inTransaction, isControlBatch } = batchContext;
    // The key of a control record: its version, then its type.
    if (isControlBatch && key?.readInt16BE(2) === ABORT) aborting.delete(producerId);
    else if (inTransaction && aborting.has(producerId)) message.isControlRecord = true;
  }
}
