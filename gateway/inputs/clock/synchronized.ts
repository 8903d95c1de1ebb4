import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';

// Whether this machine's clock was set since the machine was started. The time itself does not tell: without a battery a machine starts with the time
// of its last shutdown (systemd, systemd-timesyncd and fake-hwclock see to that), which is wrong by as long as the power was off.

const run = promisify(execFile);

const TIMEOUT_MS = 5_000;
/** A clock that was set from the battery's one keeps as close to it. */
const BATTERY_WITHIN_MS = 60_000;
/** So long after the machine's start, a time service that is not running will not be, and one that reaches a server has set the clock. */
const SERVICES_ACT_WITHIN_MS = 120_000;
/** A service that is being started anew is none for less than this. */
const STARTS_WITHIN_MS = 1_000;

export interface Machine {
  /** Where its files are. */
  readonly root?: string;
  readonly timedatectl?: string;
}

/** What `timedatectl` said; nothing where it did not, which tells nothing. */
interface Answer {
  /** Whether a time service is active: `yes` or `no`. */
  readonly NTP?: string;
  /** Whether the kernel knows its clock to be synchronised, by whatever service. */
  readonly NTPSynchronized?: string;
}

/** Tells of a machine, so long after its start, whether its clock was set since. One that nobody sets the clock of has the time it shows. */
export function synchronization({ root = '/', timedatectl = 'timedatectl' }: Machine = {}) {
  let asking: Promise<Answer> | undefined;

  /** A program that hangs is not started twice, and one that cannot even be killed is not waited for. */
  function ask(): Promise<Answer> {
    asking ??= timeServices(timedatectl).finally(() => {
      asking = undefined;
    });
    return Promise.race([asking, setTimeout(TIMEOUT_MS, {}, { ref: false })]);
  }

  return async (uptimeMs: number): Promise<boolean> => {
    // Another system than Linux with systemd: a laptop, a container. There is nobody to ask.
    if (!existsSync(join(root, 'run/systemd/system'))) return true;
    if (existsSync(join(root, 'run/systemd/timesync/synchronized'))) return true;
    const { NTP, NTPSynchronized } = await ask();
    if (NTPSynchronized === 'yes') return true;
    // A clock with a battery may be wrong too, so a service goes first where it can.
    if (uptimeMs < SERVICES_ACT_WITHIN_MS) return false;
    if (await agreesWithBattery(root)) return true;
    if (NTP !== 'no') return false;
    await setTimeout(STARTS_WITHIN_MS, undefined, { ref: false });
    return (await ask()).NTP === 'no';
  };
}

/** Whether a clock with a battery shows the same time. Without its battery it starts from nothing, so it does not. */
async function agreesWithBattery(root: string): Promise<boolean> {
  const folder = join(root, 'sys/class/rtc');
  const clocks = await readdir(folder).catch(() => []);
  const seconds = await Promise.all(
    clocks.map((clock) => readFile(join(folder, clock, 'since_epoch'), 'utf8').catch(() => '')),
  );
  return seconds.some((text) => Math.abs(Number(text) * 1_000 - Date.now()) <= BATTERY_WITHIN_MS);
}

async function timeServices(timedatectl: string): Promise<Answer> {
  try {
    const { stdout } = await run(timedatectl, ['show', '-p', 'NTP', '-p', 'NTPSynchronized'], {
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    return Object.fromEntries(stdout.split('\n').map((line) => line.split('=')));
  } catch (error) {
    // Whoever has no such program has no service that it would know of. All else, such as a bus that is not there yet, may be otherwise a moment later.
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? { NTP: 'no' } : {};
  }
}
