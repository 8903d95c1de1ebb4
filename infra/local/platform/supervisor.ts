import { setTimeout as sleep } from 'node:timers/promises';
import { howItEnded, type ProcessOptions, type RunningProcess, startProcess } from '../process/process.ts';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
/** A program that ran this long is started again without delay. */
const SETTLED_MS = 30_000;

export interface Program {
  readonly name: string;
  /** Of the process that runs now, or ran last. */
  pid(): number;
  /** The most resident memory of any of its lives, MB. */
  peakRss(): number;
  /** How often it ended unasked and was started again. */
  restarts(): number;
  stop(graceMs: number): Promise<void>;
}

/** Starts a program, and starts it again whenever it ends unasked. Throws when it does not become ready the first time. */
export async function supervise(options: ProcessOptions, onLog: (text: string) => void): Promise<Program> {
  const { name } = options;
  let stopping = false;
  let peak = 0;
  let restarts = 0;
  let running: RunningProcess = await startProcess(options);
  const wake = new AbortController();

  const watch = async () => {
    let pause = FIRST_PAUSE_MS;
    for (;;) {
      const since = Date.now();
      const exit = await running.exited;
      peak = Math.max(peak, running.peakRss());
      if (stopping) return;
      if (Date.now() - since > SETTLED_MS) pause = FIRST_PAUSE_MS;
      const last = exit.lastLines.at(-1);
      onLog(`the ${name} ended (${howItEnded(exit)}) and is started again${last ? `; it last said: ${last}` : ''}`);
      await sleep(pause, undefined, { signal: wake.signal }).catch(() => {});
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
      if (stopping) return;
      // Not ready within its time is an end like any other: the next round starts it once more.
      const { readyWhen: _, ...again } = options;
      try {
        running = await startProcess(again);
        restarts++;
        // Asked for while it was being started: nobody else knows of this one.
        if (stopping) await running.stop();
      } catch (error) {
        onLog(`the ${name} could not be started again: ${(error as Error).message}`);
      }
    }
  };
  const watching = watch();

  return {
    name,
    pid: () => running.pid,
    peakRss: () => Math.max(peak, running.peakRss()),
    restarts: () => restarts,
    async stop(graceMs) {
      stopping = true;
      wake.abort();
      await running.stop(graceMs);
      await watching;
    },
  };
}
