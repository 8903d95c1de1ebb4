import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The fields of `struct control` in bad-disk.c, in its order. */
const FIELDS = [
  'writeErrno',
  'writeRoom',
  'shortWrites',
  'syncErrno',
  'syncDelayMs',
  'readOnly',
  'killAfter',
  'badInode',
  'badFrom',
  'badTo',
  'bytes',
  'syncs',
] as const;
type Field = (typeof FIELDS)[number];

export const ERRNO = { EIO: 5, ENOSPC: 28 } as const;

export const hasCompiler = (): boolean => spawnSync('gcc', ['--version']).status === 0;

/** @throws where the compiler finds fault */
export function buildLibrary(folder: string): string {
  const library = join(folder, 'bad-disk.so');
  const source = fileURLToPath(new URL('./bad-disk.c', import.meta.url));
  const flags = ['-Wall', '-Wextra', '-Werror', '-O2', '-shared', '-fPIC'];
  const { status, stderr } = spawnSync('gcc', [...flags, '-o', library, source, '-ldl', '-lpthread']);
  if (status !== 0) throw new Error(`gcc: ${stderr}`);
  return library;
}

/** A disk under `folder`, for programs that are started with `env`. */
export class BadDisk {
  /** Where a program keeps its files. */
  readonly dir: string;
  readonly journal: string;
  readonly env: Record<string, string>;
  readonly #control: number;

  constructor(folder: string, library: string, { journal = false } = {}) {
    this.dir = join(folder, 'disk');
    this.journal = join(folder, 'journal');
    const control = join(folder, 'control');
    rmSync(this.journal, { recursive: true, force: true });
    for (const made of [this.dir, this.journal]) mkdirSync(made, { recursive: true });
    this.#control = openSync(control, 'w+');
    writeSync(this.#control, Buffer.alloc(FIELDS.length * 8));
    this.env = {
      LD_PRELOAD: library,
      HEADWATER_DISK_DIR: this.dir,
      HEADWATER_DISK_CONTROL: control,
      ...(journal && { HEADWATER_DISK_JOURNAL: this.journal }),
    };
  }

  /** From now on. What is not named stays as it is. */
  set(values: Partial<Record<Field, number>>): void {
    for (const [field, value] of Object.entries(values)) {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64LE(BigInt(value));
      writeSync(this.#control, bytes, 0, 8, FIELDS.indexOf(field as Field) * 8);
    }
  }

  heal(): void {
    this.set({ writeErrno: 0, writeRoom: 0, shortWrites: 0, syncErrno: 0, syncDelayMs: 0, readOnly: 0, badInode: 0 });
  }

  get(field: Field): number {
    const bytes = Buffer.alloc(8);
    readSync(this.#control, bytes, 0, 8, FIELDS.indexOf(field) * 8);
    return Number(bytes.readBigInt64LE());
  }

  close(): void {
    closeSync(this.#control);
  }
}
