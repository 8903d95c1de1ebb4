import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { HeadwaterError } from '../../contract/index.ts';
import { fatPartitionAt } from './partition-table.ts';

/** The boot partition of a Raspberry Pi OS, wherever it is. Paths are relative, with `/`. */
export interface BootPartition {
  /** How messages call it. */
  readonly name: string;
  /** Undefined where there is no such file. */
  read(path: string): Buffer | undefined;
  /** Makes the folders above it. What is read after it comes from the disk, not from this machine's memory. @throws HeadwaterError `FLASH_WRITE` */
  write(path: string, content: Buffer): void;
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
    write(path, content) {
      try {
        const file = join(folder, path);
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, content);
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
  const mtools = (command: string, args: readonly string[], input?: Buffer) => {
    const done = spawnSync(command, ['-i', where, ...args], { input, maxBuffer: 2 ** 30 });
    // A tool that ends before it has read everything says why by itself.
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
    write(path, content) {
      const names = path.split('/').slice(0, -1);
      for (const depth of names.keys()) {
        const folder = names.slice(0, depth + 1).join('/');
        if (exists(folder)) continue;
        const made = mtools('mmd', [`::/${folder}`]);
        if (made.status !== 0) throw failed(folder, made);
      }
      const copied = mtools('mcopy', ['-o', '-', `::/${path}`], content);
      // A full partition is said in words only, with status 0.
      if (copied.status !== 0 || copied.error || copied.stderr.length > 0) throw failed(path, copied);
      settle(file);
    },
  };
}
