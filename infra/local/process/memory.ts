import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { platform } from 'node:process';
import { promisify } from 'node:util';

export interface Memory {
  readonly residentMb: number;
  /** The most it has ever held. Linux keeps this figure itself; elsewhere it is the present one, and the caller samples. */
  readonly peakMb: number;
}

/** Resident memory of a process, or undefined when it is gone. */
export async function memoryOf(pid: number): Promise<Memory | undefined> {
  try {
    if (platform !== 'linux') {
      const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]);
      const residentMb = Number(stdout.trim()) / 1024;
      return { residentMb, peakMb: residentMb };
    }
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const residentMb = field(status, 'VmRSS');
    // A zombie has a status without memory.
    return residentMb === 0 ? undefined : { residentMb, peakMb: field(status, 'VmHWM') };
  } catch {
    return undefined;
  }
}

function field(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) / 1024;
}
