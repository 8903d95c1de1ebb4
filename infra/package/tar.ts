/** One entry of an archive. Everything belongs to root and has the same time, so that the same content gives the same bytes. */
export interface Entry {
  /** Relative, without a leading `/`; a folder's ends with `/`. */
  readonly path: string;
  readonly mode: number;
  /** Left out for a folder. */
  readonly content?: Buffer | string;
}

const BLOCK = 512;

/** A tar archive (ustar) of the entries, in their order. Paths may have 99 bytes, files 8 GB. */
export function tar(entries: readonly Entry[]): Buffer {
  const parts = entries.flatMap(({ path, mode, content }) => {
    const body = Buffer.from(content ?? '');
    return [header(path, mode, body.length, content === undefined), body, Buffer.alloc(-body.length & (BLOCK - 1))];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

/** The folders above the paths, each before what lies in it. */
export function foldersOf(paths: readonly string[]): string[] {
  const folders = paths.flatMap((path) => {
    const names = path.split('/').slice(0, -1);
    return names.map((_, depth) => `${names.slice(0, depth + 1).join('/')}/`);
  });
  return [...new Set(folders)].sort();
}

function header(path: string, mode: number, size: number, isFolder: boolean): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, width: number) =>
    block.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at, 'latin1');
  block.write(`./${path}`, 0, 100, 'utf8');
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  block.write('        ', 148, 'latin1');
  block.write(isFolder ? '5' : '0', 156, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  block.write('root', 265, 'latin1');
  block.write('root', 297, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}
