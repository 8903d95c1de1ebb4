import { rmSync } from 'node:fs';
import { kill } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { readIfThere, writePrivate } from '../private-files.ts';
import { commandLine, startOf } from './identity.ts';

const GRACE_MS = 5_000;

/** Notes which process this file stands for, so that a later run can recognise it. */
export function notePid(path: string, pid: number): void {
  writePrivate(path, JSON.stringify({ pid, started: startOf(pid) }));
}

/**
 * Ends the process noted in `path` if it still runs and is surely the one that was noted: same number, same start, and
 * `mark` (our folder) in its command line. Anything else is left alone.
 */
export async function endLeftover(path: string, mark: string, onLog: (text: string) => void): Promise<void> {
  const noted = parse(readIfThere(path));
  if (noted?.started !== undefined) {
    const { pid, started } = noted;
    const runs = () => startOf(pid) === started;
    if (runs() && commandLine(pid)?.includes(mark)) {
      onLog(`ending process ${pid}, left over from an earlier run`);
      kill(pid, 'SIGTERM');
      for (let waited = 0; runs(); waited += 50) {
        if (waited === GRACE_MS) kill(pid, 'SIGKILL');
        await sleep(50);
      }
    }
  }
  rmSync(path, { force: true });
}

function parse(text: string | undefined): { pid: number; started?: string } | undefined {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined; // Cut short by a crash: nothing can be told from it.
  }
}
