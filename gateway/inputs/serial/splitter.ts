/**
 * Cuts a byte stream at a delimiter; empty parts are left out. A part longer than the limit is given once, cut off and flagged, and the rest of
 * it is skipped: the next delimiter puts the stream right again, whatever noise came before.
 */
export class Splitter {
  #rest: Buffer[] = [];
  #length = 0;
  #skipping = false;
  readonly #delimiter: number;
  readonly #maxBytes: number;
  readonly #onPart: (part: Buffer, tooLong: boolean) => void;

  /** `maxBytes`: of one part, its delimiter not counted. */
  constructor(delimiter: number, maxBytes: number, onPart: (part: Buffer, tooLong: boolean) => void) {
    this.#delimiter = delimiter;
    this.#maxBytes = maxBytes;
    this.#onPart = onPart;
  }

  push(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(this.#delimiter); end !== -1; end = chunk.indexOf(this.#delimiter, start)) {
      this.#keep(chunk.subarray(start, end));
      this.#endPart();
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
  }

  #reset(): void {
    this.#rest = [];
    this.#length = 0;
    this.#skipping = false;
  }

  #keep(bytes: Buffer): void {
    if (this.#skipping || bytes.length === 0) return;
    this.#rest.push(bytes);
    this.#length += bytes.length;
    if (this.#length <= this.#maxBytes) return;
    const part = Buffer.concat(this.#rest).subarray(0, this.#maxBytes);
    this.#reset();
    this.#skipping = true;
    this.#onPart(part, true);
  }

  #endPart(): void {
    const part = this.#rest.length === 1 ? this.#rest[0]! : Buffer.concat(this.#rest);
    this.#reset();
    if (part.length > 0) this.#onPart(part, false);
  }
}
