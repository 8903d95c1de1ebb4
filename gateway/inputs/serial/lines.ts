const LF = 10;
const CR = 13;

/**
 * Cuts a byte stream into lines at LF. A line longer than the limit is given once, cut off and flagged, and the rest of it is skipped: the
 * next LF puts the stream right again, whatever noise came before.
 */
export class LineSplitter {
  #rest: Buffer[] = [];
  #length = 0;
  #skipping = false;
  readonly #maxBytes: number;
  readonly #onLine: (line: Buffer, tooLong: boolean) => void;

  constructor(maxBytes: number, onLine: (line: Buffer, tooLong: boolean) => void) {
    this.#maxBytes = maxBytes;
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, start)) {
      this.#keep(chunk.subarray(start, end));
      this.#endLine();
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
  }

  #reset(): void {
    this.#rest = [];
    this.#length = 0;
    this.#skipping = false;
  }

  #keep(part: Buffer): void {
    if (this.#skipping || part.length === 0) return;
    this.#rest.push(part);
    this.#length += part.length;
    if (this.#length <= this.#maxBytes) return;
    const line = Buffer.concat(this.#rest).subarray(0, this.#maxBytes);
    this.#reset();
    this.#skipping = true;
    this.#onLine(line, true);
  }

  #endLine(): void {
    let line = this.#rest.length === 1 ? this.#rest[0]! : Buffer.concat(this.#rest);
    if (line.at(-1) === CR) line = line.subarray(0, -1);
    this.#reset();
    if (line.length > 0) this.#onLine(line, false);
  }
}
