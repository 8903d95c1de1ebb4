import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { KafkaNode } from '../../infra/local/index.ts';

// Record batches as Kafka keeps them on disk (message format 2), of which only the header matters here.
const HEADER_BYTES = 61;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
const ABORT = 0;

export interface Transactions {
  /** Had written to the topic when they were aborted: each is a process that ended between a result and its commit. */
  readonly aborted: number;
  /** Have written to the topic and are neither committed nor aborted. */
  readonly open: number;
}

/** The transactions of a topic. Readers never see the aborted ones, so the broker's own files are read. */
export function transactionsOf(node: KafkaNode, topic: string): Transactions {
  const all = logFiles(node, topic).map((file) => transactionsIn(readFileSync(file)));
  return {
    aborted: all.reduce((sum, { aborted }) => sum + aborted, 0),
    open: all.reduce((sum, { open }) => sum + open, 0),
  };
}

/** The files in which a broker keeps the records of a topic. */
export function logFiles({ logFile }: KafkaNode, topic: string): string[] {
  return globSync(join(dirname(logFile), 'data', `${topic}-*`, '*.log'));
}

function transactionsIn(log: Buffer): Transactions {
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
  return { aborted, open: open.size };
}

/** A control record: length, attributes, two deltas and the key's length as single bytes, then the key: version, type. */
function markerType(log: Buffer, record: number): number {
  return log.readInt16BE(record + 7);
}
