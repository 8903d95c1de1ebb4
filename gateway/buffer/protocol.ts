import { LANES, type RawKind } from '../../contract/index.ts';
import type { DeviceId, Entry, Outcome, Stored, Submission } from './types.ts';

/**
 * What passes between the caller's thread and the buffer's. Submissions and records are packed into flat arrays: copying an object for each
 * between threads costs four times as much.
 */
export type Packed = readonly (string | number | boolean)[];

export type Request =
  | { readonly type: 'submit'; readonly submissions: Packed }
  | {
      readonly type: 'peek';
      readonly call: number;
      readonly lane: number;
      readonly after: number;
      readonly records: number;
      readonly bytes: number;
    }
  | { readonly type: 'release'; readonly call: number; readonly lane: number; readonly sequence: number }
  | { readonly type: 'status'; readonly call: number }
  | { readonly type: 'close' };

export type Answer =
  | { readonly type: 'open'; readonly incarnation: string; readonly recovered: string | null; readonly last: number[] }
  /** Outcomes of the oldest unanswered submissions, in their order. */
  | { readonly type: 'outcomes'; readonly outcomes: Uint8Array; readonly last: number[] }
  | { readonly type: 'result'; readonly call: number; readonly result: unknown }
  | { readonly type: 'error'; readonly call: number; readonly message: string }
  | { readonly type: 'failed'; readonly code: string; readonly message: string; readonly retryable: boolean }
  | { readonly type: 'closed' };

/** Stored as numbers in the database and between threads: only add at the end. */
export const KINDS: readonly RawKind[] = ['reading', 'rejected', 'evicted'];
export const OUTCOMES: readonly Outcome[] = ['stored', 'duplicate', 'refused'];

export function packSubmissions(submissions: readonly Submission[]): Packed {
  const flat: (string | number | boolean)[] = [];
  for (const { entries, id } of submissions) {
    flat.push(entries.length);
    for (const entry of entries) flat.push(KINDS.indexOf(entry.kind), entry.alarm, entry.value, entry.ts);
    if (!id) flat.push('');
    else if (id.kind === 'frame') flat.push('frame', id.device, id.boot, id.number);
    else flat.push('packet', id.client, id.packetId, id.dup, id.digest);
  }
  return flat;
}

export function unpackSubmissions(flat: Packed): Submission[] {
  const submissions: Submission[] = [];
  let at = 0;
  while (at < flat.length) {
    const entries: Entry[] = [];
    for (let left = flat[at++] as number; left > 0; left--) {
      entries.push({
        kind: KINDS[flat[at++] as number] as Entry['kind'],
        alarm: flat[at++] as boolean,
        value: flat[at++] as string,
        ts: flat[at++] as number,
      });
    }
    const kind = flat[at++] as DeviceId['kind'] | '';
    if (kind === 'frame') {
      const id = { kind, device: flat[at++] as string, boot: flat[at++] as string, number: flat[at++] as number };
      submissions.push({ entries, id });
    } else if (kind === 'packet') {
      submissions.push({
        entries,
        id: {
          kind,
          client: flat[at++] as string,
          packetId: flat[at++] as number,
          dup: flat[at++] as boolean,
          digest: flat[at++] as string,
        },
      });
    } else submissions.push({ entries });
  }
  return submissions;
}

export function packRecords(records: readonly Stored[]): Packed {
  const flat: (string | number)[] = [];
  for (const { sequence, kind, value } of records) flat.push(sequence, KINDS.indexOf(kind), value);
  return flat;
}

export function unpackRecords(lane: number, flat: Packed): Stored[] {
  const records: Stored[] = [];
  for (let at = 0; at < flat.length; at += 3) {
    records.push({
      lane: LANES[lane]!,
      sequence: flat[at] as number,
      kind: KINDS[flat[at + 1] as number]!,
      value: flat[at + 2] as string,
    });
  }
  return records;
}
