import { HEADER, type Lane } from '../../contract/index.ts';
import type { OutgoingRecord } from '../../kafka/index.ts';

/** A record that was read from the buffer and may be sent. */
export interface Ready {
  readonly sequence: number;
  readonly record: OutgoingRecord;
  /** Upper bound of what it takes in a batch. */
  readonly bytes: number;
}

export interface BatchLimit {
  readonly records: number;
  readonly bytes: number;
}

/**
 * How many of each lane's waiting records make the next batch. Alarms go first. Of the rest, the backlog gets its share while live readings wait
 * too; what one of them does not use, the other may. At least one record is taken if there is any, however large.
 */
export function compose(
  waiting: Readonly<Record<Lane, readonly Ready[]>>,
  limit: BatchLimit,
  backlogShare: number,
): Record<Lane, number> {
  const taken: Record<Lane, number> = { alarm: 0, live: 0, backlog: 0 };
  let { records, bytes } = limit;
  const take = (lane: Lane, its: BatchLimit): void => {
    let [left, room] = [Math.min(its.records, records), Math.min(its.bytes, bytes)];
    for (let next = waiting[lane][taken[lane]]; next; next = waiting[lane][taken[lane]]) {
      if (left < 1 || next.bytes > room) return;
      left--;
      room -= next.bytes;
      records--;
      bytes -= next.bytes;
      taken[lane]++;
    }
  };
  take('alarm', limit);
  const liveShare = 1 - backlogShare;
  take('live', waiting.backlog.length > 0 ? { records: records * liveShare, bytes: bytes * liveShare } : limit);
  take('backlog', limit);
  take('live', limit);
  if (records === limit.records) {
    const first = (['alarm', 'live', 'backlog'] as const).find((lane) => waiting[lane].length > 0);
    if (first) taken[first] = 1;
  }
  return taken;
}

export const bytesOf = (batch: readonly Ready[]): number => batch.reduce((sum, { bytes }) => sum + bytes, 0);

/** Tells the reader that older records follow this one. */
export function withBacklogHeader(record: OutgoingRecord): OutgoingRecord {
  return { ...record, headers: { ...record.headers, [HEADER.backlog]: '1' } };
}
