import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, fdatasyncSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { HeadwaterError } from '../../contract/index.ts';
import { fatPartitionAt } from './partition-table.ts';

/** Bytes that are written at once. */
const STRIDE = 2 ** 22;

/** The boot partition of a Raspberry Pi OS, wherever it is. Paths are relative, with `/`. */
export interface BootPartition {
  /** How messages call it. */
  readonly name: string;
  /** Undefined where there is no such file. */
  read(path: string): Buffer | undefined;
  /**
   * Makes the folders above it. What is read after it comes from the disk, not from this machine's memory.
   * @param onWritten is told the bytes of it that are written so far
   * @throws HeadwaterError `FLASH_WRITE`
   */
  write(path: string, content: Buffer, onWritten?: (bytes: number) => void): Promise<void>;
}

/** Has a file or disk written out, and the kernel give up its copy, as far as it can be asked to: GNU's dd knows how, and Node does not. */
function settle(file: string): void {
  const fd = openSync(file, 'r+');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  spawnSync('dd', [`if=${file}`, 'iflag=nocache', 'count=0', 'status=none']);
}

/** A boot partition that is mounted. */
export function mountedPartition(folder: string): BootPartition {
  return {
    name: folder,
    read: (path) => (existsSync(join(folder, path)) ? readFileSync(join(folder, path)) : undefined),
    async write(path, content, onWritten) {
      try {
        const file = join(folder, path);
        mkdirSync(dirname(file), { recursive: true });
        const fd = openSync(file, 'w');
        try {
          for (let at = 0; at < content.length; ) {
            at += writeSync(fd, content, at, Math.min(STRIDE, content.length - at));
            // Written out each time: into memory it goes at once, and tells nothing about the card.
            fdatasyncSync(fd);
            onWritten?.(at);
          }
        } finally {
          closeSync(fd);
        }
        settle(file);
      } catch (cause) {
        throw new HeadwaterError('FLASH_WRITE', `${folder}: ${(cause as Error).message}`, { cause });
      }
    },
  };
}

/**
 * The boot partition inside an image or on a disk that is not mounted, through mtools.
 * @throws HeadwaterError `FLASH_IMAGE`, `FLASH_TOOLS` where mtools is missing
 */
export function imagePartition(file: string): BootPartition {
  if (!existsSync(file)) throw new HeadwaterError('FLASH_IMAGE', `${file} does not exist`);
  const where = `${file}@@${fatPartitionAt(file)}`;
  const mtools = (command: string, args: readonly string[]) => {
    const done = spawnSync(command, ['-i', where, ...args], { maxBuffer: 2 ** 30 });
    if ((done.error as NodeJS.ErrnoException | undefined)?.code !== 'ENOENT') return done;
    const install =
      'Install it (Debian: sudo apt install mtools; macOS: brew install mtools), or mount the boot partition and use --boot.';
    throw new HeadwaterError('FLASH_TOOLS', `${command} is not installed. ${install}`);
  };
  const exists = (path: string) => mtools('mdir', ['-b', `::/${path}`]).status === 0;
  const failed = (path: string, { stderr }: { stderr: Buffer }) =>
    new HeadwaterError('FLASH_WRITE', `${file}: ${path} could not be written: ${stderr.toString().trim()}`);
  return {
    name: file,
    read: (path) => (exists(path) ? mtools('mcopy', ['-n', `::/${path}`, '-']).stdout : undefined),
    async write(path, content, onWritten) {
      const names = path.split('/').slice(0, -1);
      for (const depth of names.keys()) {
        const folder = names.slice(0, depth + 1).join('/');
        if (exists(folder)) continue;
        const made = mtools('mmd', [`::/${folder}`]);
        if (made.status !== 0) throw failed(folder, made);
      }
      const mcopy = spawn('mcopy', ['-i', where, '-o', '-', `::/${path}`], { stdio: ['pipe', 'ignore', 'pipe'] });
      const [{ status, stderr }] = await Promise.all([outcome(mcopy), feed(mcopy.stdin, content, onWritten)]);
      // A full partition is said in words only, with status 0.
      if (status !== 0 || stderr.length > 0) throw failed(path, { stderr });
      settle(file);
    },
  };
}

/** A tool that ends before it has read everything says why by itself. */
async function feed(stdin: Writable, content: Buffer, onWritten?: (bytes: number) => void): Promise<void> {
  const strides = function* () {
    for (let at = 0; at < content.length; at += STRIDE) {
      yield content.subarray(at, at + STRIDE);
      onWritten?.(Math.min(at + STRIDE, content.length));
    }
  };
  await pipeline(strides, stdin).catch(() => {});
}

async function outcome(tool: ChildProcessByStdio<Writable, null, Readable>) {
  const [said, [status]] = await Promise.all([buffer(tool.stderr), once(tool, 'close')]);
  return { status: status as number | null, stderr: said };
}
