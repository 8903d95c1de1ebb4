import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { KafkaNode } from '../../infra/local/index.ts';

// Record batches as Kafka keeps them on disk (message format 2), of which only the header matters here.
const HEADER_BYTES = 61;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
const ABORT = 0;

/**
 * How many transactions had written to a topic when they were aborted: readers never see them, so the broker's own files are read. Each is a process
 * that ended between a result and its commit.
 */
export function abortedTransactions({ logFile }: KafkaNode, topic: string): number {
  const files = globSync(join(dirname(logFile), 'data', `${topic}-*`, '*.log'));
  return files.reduce((sum, file) => sum + abortedIn(readFileSync(file)), 0);
}

function abortedIn(log: Buffer): number {
  let aborted = 0;
  /** Producers that have written since their last marker. */
  const open = new Set<bigint>();
  let size: number;
  for (let at = 0; at + HEADER_BYTES <= log.length; at += size) {
    size = 12 + log.readInt32BE(at + 8);
    const attributes = log.readInt16BE(at + 21);
    const producer = log.readBigInt64BE(at + 43);
    if (attributes & CONTROL) {
      if (open.delete(producer) && markerType(log, at + HEADER_BYTES) === ABORT) aborted++;
    } else if (attributes & TRANSACTIONAL) open.add(producer);
    // Space that is reserved and not written yet.
    if (size === 12) break;
  }
  return aborted;
}

/** A control record: length, attributes, two deltas and the key's length as single bytes, then the key: version, type. */
function markerType(log: Buffer, record: number): number {
  return log.readInt16BE(record + 7);
}
