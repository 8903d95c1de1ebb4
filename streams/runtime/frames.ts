import { HeadwaterError } from '../../contract/index.ts';

/** Largest record of a state topic, well below what a broker takes. */
export const MAX_RECORD_BYTES = 512 * 1024;
/** Of a frame's text, made at a time. */
const PIECE_CHARS = 32 * 1024;

/** `[key, value]`, or `[key]` where what it names was deleted: JSON has no undefined. */
export type EncodedChange = readonly [key: string, value: unknown] | readonly [key: string];

/** One entry of a state log, without its changes. Numbered frames follow one another without a hole, whoever wrote them. */
export type Frame =
  /** Written first by each new owner of a task; everything before it was committed by earlier ones. */
  | { readonly kind: 'open'; readonly owner: string }
  /** What one commit changed, and the input offsets to go on from after it. */
  | {
      readonly kind: 'delta';
      readonly seq: number;
      readonly fingerprint: string;
      readonly offsets: Readonly<Record<string, number>>;
    }
  /** A part of the whole state. `first` and `last` mark the ends of one snapshot. */
  | {
      readonly kind: 'snapshot';
      readonly seq: number;
      readonly first: boolean;
      readonly last: boolean;
    };

/** What stands between a frame and its changes. */
const CHANGES = ',"changes":[';

/** A frame's bytes or, where they are too many for one record, a part of them: the header `part` is then `<number>/<count>`. */
export interface FrameRecord {
  readonly key: null;
  readonly value: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Records of one frame belong into one transaction, so that readers see all of them or none. The changes, each as JSON of an `EncodedChange`, are asked for
 * one by one: those of many windows are never all there.
 */
export function encodeFrame(frame: Frame, changes?: Iterable<string>, maxBytes = MAX_RECORD_BYTES): FrameRecord[] {
  const values: Buffer[] = [];
  let pieces: Buffer[] = [];
  let size = 0;
  for (const text of textOf(frame, changes)) {
    let bytes = Buffer.from(text);
    while (size + bytes.length > maxBytes) {
      const room = maxBytes - size;
      values.push(Buffer.concat([...pieces, bytes.subarray(0, room)]));
      bytes = bytes.subarray(room);
      pieces = [];
      size = 0;
    }
    pieces.push(bytes);
    size += bytes.length;
  }
  values.push(Buffer.concat(pieces));
  if (values.length === 1) return [{ key: null, value: values[0]! }];
  return values.map((value, i) => ({ key: null, value, headers: { part: `${i + 1}/${values.length}` } }));
}

/** A frame as JSON, in pieces. */
function* textOf(frame: Frame, changes: Iterable<string> | undefined): Iterable<string> {
  if (changes === undefined) {
    yield JSON.stringify(frame);
    return;
  }
  let text = `${JSON.stringify(frame).slice(0, -1)}${CHANGES}`;
  let separator = '';
  for (const change of changes) {
    text += separator + change;
    separator = ',';
    if (text.length < PIECE_CHARS) continue;
    yield text;
    text = '';
  }
  yield `${text}]}`;
}

/** A frame as it was read. Its changes are looked at only when they are asked for. */
export interface ReadFrame {
  readonly frame: Frame;
  readonly bytes: number;
  /** @throws HeadwaterError `STATE_DAMAGED` */
  changes(): readonly EncodedChange[];
}

/** Puts frames together again from records read in order. A log cut at its start may begin in the middle of a frame: that frame is left out. */
export class FrameReader {
  readonly #log: string;
  #parts: Buffer[] = [];

  /** `log` names the state partition in errors. */
  constructor(log: string) {
    this.#log = log;
  }

  /** The frame this record completes, and its size, or undefined. @throws HeadwaterError `STATE_DAMAGED` */
  push(record: {
    readonly value: Buffer | null;
    readonly headers: Readonly<Record<string, string>>;
    readonly offset: number;
  }): ReadFrame | undefined {
    if (record.value === null) throw this.#damaged(record.offset, 'is empty');
    let bytes = record.value;
    const part = record.headers.part;
    if (part !== undefined) {
      const [number, count] = part.split('/').map(Number);
      if (number === 1) this.#parts = [];
      else if (number !== this.#parts.length + 1) {
        if (this.#parts.length > 0) throw this.#damaged(record.offset, `is part ${part} after ${this.#parts.length}`);
        return undefined;
      }
      this.#parts.push(bytes);
      if (number !== count) return undefined;
      bytes = Buffer.concat(this.#parts);
      this.#parts = [];
    }
    // A quote within a text has a backslash before it.
    const head = bytes.indexOf(CHANGES);
    const from = head < 0 ? bytes.length : head + CHANGES.length - 1;
    return {
      frame: this.#parse(head < 0 ? bytes.toString() : `${bytes.toString('utf8', 0, head)}}`, record.offset),
      bytes: bytes.length,
      changes: () => this.#parse(bytes.toString('utf8', from, bytes.length - 1), record.offset),
    };
  }

  #parse<T>(json: string, offset: number): T {
    try {
      return JSON.parse(json);
    } catch (cause) {
      throw this.#damaged(offset, 'is not JSON', cause);
    }
  }

  #damaged(offset: number, what: string, cause?: unknown): HeadwaterError {
    return new HeadwaterError('STATE_DAMAGED', `state log ${this.#log}: the record at offset ${offset} ${what}`, {
      cause,
    });
  }
}
