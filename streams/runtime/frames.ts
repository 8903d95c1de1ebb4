import { HeadwaterError } from '../../contract/index.ts';

/** Largest record of a state topic, well below what a broker takes. */
export const MAX_RECORD_BYTES = 512 * 1024;
/** Of a frame's text, made at a time. */
const PIECE_CHARS = 32 * 1024;

/** `[key, value]`, or `[key]` where the entry was deleted: JSON has no undefined. */
export type EncodedChange = readonly [key: string, value: unknown] | readonly [key: string];

/** One entry of a state log. Numbered frames follow one another without a hole, whoever wrote them. */
export type Frame<Changes = readonly EncodedChange[]> =
  /** Written first by each new owner of a task; everything before it was committed by earlier ones. */
  | { readonly kind: 'open'; readonly owner: string }
  /** What one commit changed, and the input offsets to go on from after it. */
  | {
      readonly kind: 'delta';
      readonly seq: number;
      readonly fingerprint: string;
      readonly offsets: Readonly<Record<string, number>>;
      readonly changes: Changes;
    }
  /** A part of the whole state. `first` and `last` mark the ends of one snapshot. */
  | {
      readonly kind: 'snapshot';
      readonly seq: number;
      readonly first: boolean;
      readonly last: boolean;
      readonly changes: Changes;
    };

/** A frame's bytes or, where they are too many for one record, a part of them: the header `part` is then `<number>/<count>`. */
export interface FrameRecord {
  readonly key: null;
  readonly value: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Records of one frame belong into one transaction, so that readers see all of them or none. The changes are asked for one by one: those of many windows
 * are never all there.
 */
export function encodeFrame(frame: Frame<Iterable<EncodedChange>>, maxBytes = MAX_RECORD_BYTES): FrameRecord[] {
  const values: Buffer[] = [];
  let pieces: Buffer[] = [];
  let size = 0;
  for (const text of textOf(frame)) {
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
function* textOf(frame: Frame<Iterable<EncodedChange>>): Iterable<string> {
  if (!('changes' in frame)) {
    yield JSON.stringify(frame);
    return;
  }
  const { changes, ...head } = frame;
  let text = `${JSON.stringify(head).slice(0, -1)},"changes":[`;
  let separator = '';
  for (const change of changes) {
    text += separator + JSON.stringify(change);
    separator = ',';
    if (text.length < PIECE_CHARS) continue;
    yield text;
    text = '';
  }
  yield `${text}]}`;
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
  }): { frame: Frame; bytes: number } | undefined {
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
    try {
      return { frame: JSON.parse(bytes.toString()), bytes: bytes.length };
    } catch (cause) {
      throw this.#damaged(record.offset, 'is not JSON', cause);
    }
  }

  #damaged(offset: number, what: string, cause?: unknown): HeadwaterError {
    return new HeadwaterError('STATE_DAMAGED', `state log ${this.#log}: the record at offset ${offset} ${what}`, {
      cause,
    });
  }
}
