/** One line of a file, its line end left out. */
export interface Line {
  /** The whole line, or its first `MAX_LINE_BYTES`. */
  readonly bytes: Buffer;
  /** Where in the file it begins. */
  readonly offset: number;
  readonly tooLong: boolean;
}

/** Web servers cap a request line at 8 KiB, so a genuine log line is shorter than this. */
export const MAX_LINE_BYTES = 32 * 1024;

const LF = 0x0a;
const CR = 0x0d;

/**
 * Cuts a file's bytes into lines, whatever chunks they come in. Memory is bounded: of a longer line only the first `MAX_LINE_BYTES` are kept.
 * `offset` is where the first chunk lies in the file.
 */
export class LineSplitter {
  #lineStart: number;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #lineBytes = 0;

  constructor(offset: number) {
    this.#lineStart = offset;
  }

  /** Where the next line begins: everything before it has been given out. */
  get offset(): number {
    return this.#lineStart;
  }

  /** The lines that end in this chunk. The chunk may be reused afterwards. */
  push(chunk: Buffer): Line[] {
    const lines: Line[] = [];
    let from = 0;
    while (from < chunk.length) {
      const end = chunk.indexOf(LF, from);
      if (end < 0) break;
      this.#keep(chunk.subarray(from, end));
      lines.push(this.#take(1));
      from = end + 1;
    }
    this.#keep(chunk.subarray(from));
    return lines;
  }

  /** The unfinished last line of a file that nobody writes to any more, if there is one. */
  finish(): Line | undefined {
    return this.#lineBytes > 0 ? this.#take(0) : undefined;
  }

  #keep(part: Buffer): void {
    this.#lineBytes += part.length;
    const room = MAX_LINE_BYTES - this.#keptBytes;
    if (room <= 0 || part.length === 0) return;
    const kept = Buffer.from(part.subarray(0, room));
    this.#kept.push(kept);
    this.#keptBytes += kept.length;
  }

  #take(lineEnd: number): Line {
    const all = this.#kept.length === 1 ? this.#kept[0]! : Buffer.concat(this.#kept);
    const tooLong = this.#lineBytes > MAX_LINE_BYTES;
    const bytes = !tooLong && all.at(-1) === CR ? all.subarray(0, -1) : all;
    const line = { bytes, offset: this.#lineStart, tooLong };
    this.#lineStart += this.#lineBytes + lineEnd;
    this.#kept = [];
    this.#keptBytes = 0;
    this.#lineBytes = 0;
    return line;
  }
}
