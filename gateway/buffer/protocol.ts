import { LANES, type RawKind } from '../../contract/index.ts';
import type { DeviceId, Entry, Forget, Outcome, Stored, Submission } from './types.ts';

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

/** Kinds of ids by their number; 0: none. */
const IDS = ['', 'frame', 'packet', 'inbound'] as const;
/** In place of a client that is that of the id before: what comes together mostly is one client's, and its name is long. */
const SAME = 0;
/** In place of a number of entries: what is to be forgotten comes before them. Most submissions have nothing, and should carry nothing for it. */
const FORGET = -1;
const ALL_PACKETS = 0;

export function packSubmissions(submissions: readonly Submission[]): Packed {
  const flat: (string | number | boolean)[] = [];
  let last: string | undefined;
  for (const { entries, id, forget } of submissions) {
    if (forget) flat.push(FORGET, forget.client, forget.packetId ?? ALL_PACKETS);
    flat.push(entries.length);
    for (const entry of entries) flat.push(KINDS.indexOf(entry.kind), entry.alarm, entry.value, entry.ts);
    flat.push(id ? IDS.indexOf(id.kind) : 0);
    if (id?.kind === 'frame') flat.push(id.device, id.boot, id.number);
    else if (id) {
      flat.push(id.client === last ? SAME : id.client, id.packetId);
      if (id.kind === 'packet') flat.push(id.dup, id.digest);
      last = id.client;
    }
  }
  return flat;
}

export function unpackSubmissions(flat: Packed): Submission[] {
  const submissions: Submission[] = [];
  let at = 0;
  let last = '';
  const next = <T extends string | number | boolean>() => flat[at++] as T;
  const nextClient = () => {
    const client = next<string | typeof SAME>();
    if (client !== SAME) last = client;
    return last;
  };
  while (at < flat.length) {
    const entries: Entry[] = [];
    let left = next<number>();
    let forget: Forget | undefined;
    if (left === FORGET) {
      const client = next<string>();
      const packetId = next<number>();
      forget = packetId === ALL_PACKETS ? { client } : { client, packetId };
      left = next<number>();
    }
    for (; left > 0; left--) {
      const kind = KINDS[next<number>()] as Entry['kind'];
      entries.push({ kind, alarm: next<boolean>(), value: next<string>(), ts: next<number>() });
    }
    const id = unpackId(next, nextClient);
    submissions.push(forget ? { entries, forget, ...(id && { id }) } : id ? { entries, id } : { entries });
  }
  return submissions;
}

function unpackId(next: <T extends string | number | boolean>() => T, nextClient: () => string): DeviceId | undefined {
  const kind = IDS[next<number>()] ?? '';
  switch (kind) {
    case '':
      return undefined;
    case 'frame':
      return { kind, device: next(), boot: next(), number: next() };
    case 'packet':
      return { kind, client: nextClient(), packetId: next(), dup: next(), digest: next() };
    case 'inbound':
      return { kind, client: nextClient(), packetId: next() };
  }
}

export function packRecords(records: readonly Stored[]): Packed {
  const flat: (string | number)[] = [];
  for (const { sequence, identity, kind, value } of records) flat.push(sequence, identity, KINDS.indexOf(kind), value);
  return flat;
}

export function unpackRecords(lane: number, flat: Packed): Stored[] {
  const records: Stored[] = [];
  for (let at = 0; at < flat.length; at += 4) {
    records.push({
      lane: LANES[lane]!,
      sequence: flat[at] as number,
      identity: flat[at + 1] as string,
      kind: KINDS[flat[at + 2] as number]!,
      value: flat[at + 3] as string,
    });
  }
  return records;
}
