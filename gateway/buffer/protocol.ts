import { LANES, type RawKind } from '../../contract/index.ts';
import type { DeviceId, Entry, Forget, Outcome, Stored, Submission } from './types.ts';

/**
 * What passes between the caller's thread and the buffer's. Submissions and records are packed, numbers and texts apart: copying an object for each
 * between threads costs four times as much, and a number that stands among texts as much as a short text.
 */
export interface Packed {
  readonly numbers: Float64Array<ArrayBuffer>;
  readonly texts: readonly string[];
}

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

/** Reads that fail one after the other until the place is given up. */
export const READ_TRIES = 10;

/** Stored as numbers in the database and between threads: only add at the end. */
export const KINDS: readonly RawKind[] = ['reading', 'rejected', 'evicted'];
export const OUTCOMES: readonly Outcome[] = ['stored', 'duplicate', 'refused'];

/** Kinds of ids by their number; 0: none. */
const IDS = ['', 'frame', 'packet', 'inbound'] as const;
/** Whether the client of a packet is another one than that of the packet before: what comes together mostly is one client's, and its name is long. */
const [SAME, OTHER] = [0, 1] as const;
/** In place of a number of entries: what is to be forgotten comes before them. Most submissions have nothing, and should carry nothing for it. */
const FORGET = -1;
const ALL_PACKETS = 0;

export function packSubmissions(submissions: readonly Submission[]): Packed {
  const numbers: number[] = [];
  const texts: string[] = [];
  let last: string | undefined;
  for (const { entries, id, forget } of submissions) {
    if (forget) {
      numbers.push(FORGET, forget.packetId ?? ALL_PACKETS);
      texts.push(forget.client);
    }
    numbers.push(entries.length);
    for (const { kind, alarm, value, ts } of entries) {
      numbers.push(KINDS.indexOf(kind), alarm ? 1 : 0, ts);
      texts.push(value);
    }
    numbers.push(id ? IDS.indexOf(id.kind) : 0);
    if (id?.kind === 'frame') {
      numbers.push(id.number);
      texts.push(id.device, id.boot);
    } else if (id) {
      numbers.push(id.packetId, id.client === last ? SAME : OTHER);
      if (id.client !== last) texts.push(id.client);
      if (id.kind === 'packet') numbers.push(id.dup ? 1 : 0, id.digest);
      last = id.client;
    }
  }
  return { numbers: new Float64Array(numbers), texts };
}

export function unpackSubmissions({ numbers, texts }: Packed): Submission[] {
  const submissions: Submission[] = [];
  let [at, textAt] = [0, 0];
  let last = '';
  const number = () => numbers[at++]!;
  const text = () => texts[textAt++]!;
  while (at < numbers.length) {
    let left = number();
    let forget: Forget | undefined;
    if (left === FORGET) {
      const packetId = number();
      const client = text();
      forget = packetId === ALL_PACKETS ? { client } : { client, packetId };
      left = number();
    }
    const entries: Entry[] = [];
    for (; left > 0; left--) {
      const kind = KINDS[number()] as Entry['kind'];
      entries.push({ kind, alarm: number() === 1, value: text(), ts: number() });
    }
    const kind = IDS[number()]!;
    let id: DeviceId | undefined;
    if (kind === 'frame') id = { kind, device: text(), boot: text(), number: number() };
    else if (kind !== '') {
      const packetId = number();
      if (number() === OTHER) last = text();
      id =
        kind === 'packet'
          ? { kind, client: last, packetId, dup: number() === 1, digest: number() }
          : { kind, client: last, packetId };
    }
    submissions.push(forget ? { entries, forget, ...(id && { id }) } : id ? { entries, id } : { entries });
  }
  return submissions;
}

export function packRecords(records: readonly Stored[]): Packed {
  const numbers = new Float64Array(2 * records.length);
  const texts: string[] = [];
  for (const [at, { sequence, identity, kind, value }] of records.entries()) {
    numbers[2 * at] = sequence;
    numbers[2 * at + 1] = KINDS.indexOf(kind);
    texts.push(identity, value);
  }
  return { numbers, texts };
}

export function unpackRecords(lane: number, { numbers, texts }: Packed): Stored[] {
  const records: Stored[] = [];
  for (let at = 0; at < numbers.length; at += 2) {
    records.push({
      lane: LANES[lane]!,
      sequence: numbers[at]!,
      identity: texts[at]!,
      kind: KINDS[numbers[at + 1]!]!,
      value: texts[at + 1]!,
    });
  }
  return records;
}
