/** How far a file is. */
export interface Progress {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Bytes of it that are written; 0 is told first. */
  readonly written: number;
}

/** On a terminal a file has one line that counts; elsewhere one when it begins, and one for each quarter of what takes long. */
export function progressPrinter(out: { isTTY?: boolean; write(text: string): unknown }): (progress: Progress) => void {
  let quarters = 0;
  return ({ path, size, written }) => {
    const name = `${path} (${bytes(size)})`;
    if (out.isTTY) out.write(`\r${name}${written < size ? ` ${percent(written, size)}` : '     \n'}`);
    else if (written === 0) {
      quarters = 0;
      out.write(`${name}\n`);
    } else if (size >= LONG && Math.floor((4 * written) / size) > quarters) {
      quarters = Math.floor((4 * written) / size);
      out.write(`${name} ${percent(written, size)}\n`);
    }
  };
}

/** Bytes that a slow card takes some seconds for. */
const LONG = 4e6;

const percent = (part: number, whole: number): string => `${Math.floor((100 * part) / whole)} %`;

const bytes = (count: number): string =>
  count >= 1e6 ? `${(count / 1e6).toFixed(1)} MB` : `${Math.ceil(count / 1e3)} kB`;
