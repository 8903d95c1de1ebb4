import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * The gateway's own clock. A machine without a battery for it starts with a time of the past, 1970 or that of its last shutdown, until the network
 * tells the time.
 */
export interface GatewayClock {
  /** ms since the epoch: the time, if the clock is set, and what the machine takes for it before. */
  now(): number;
  /** ms since the machine was started; goes on over a restart of the gateway. */
  monotonic(): number;
  /** Whether the time is known. Once it is, it stays so. */
  isSet(): boolean;
  /** Whether `now` could be the time, known or not. */
  isPlausible(): boolean;
  /** Differs between two starts of the machine. */
  readonly bootId: string;
}

/** What has to be seen before a time that could be right is taken for right. */
export interface Proof {
  /** Whether this machine's clock was set since the machine was started. Never fails; asked now and then until it is so. */
  isSynchronized(uptimeMs: number): Promise<boolean>;
  /** Remembers that it was, over restarts of the gateway, until the machine is started again. */
  readonly file: string;
}

/** Before this the clock cannot have been set: this code did not exist. The contract ends with the other. */
const EARLIEST = Date.UTC(2024, 0, 1);
const LATEST = Date.UTC(2100, 0, 1);
const ASK_EVERY_MS = 10_000;
/** How long the start waits for the first answer, so that nothing is held where the time is known. */
const FIRST_ANSWER_MS = 2_000;

/**
 * A clock that was set goes on by the time since then where somebody or a broken one sets it to what cannot be. Without `proof` whatever could be the
 * time is taken for it.
 */
export async function openClock(proof?: Proof): Promise<GatewayClock> {
  const bootId = readBootId();
  const monotonic = () => Number(process.hrtime.bigint() / 1_000_000n);
  let started: number | undefined;
  const now = () => {
    const wall = Date.now();
    if (couldBe(wall)) {
      started = wall - monotonic();
      return wall;
    }
    return started === undefined ? wall : started + monotonic();
  };
  const isPlausible = () => couldBe(now());

  let proven = proof === undefined || remembered(proof.file) === bootId;
  let asking: Promise<void> | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;
  async function ask({ isSynchronized, file }: Proof): Promise<void> {
    if (await isSynchronized(monotonic())) {
      proven = true;
      await remember(file, bootId);
    }
    askedAt = monotonic();
    asking = undefined;
  }

  let set = false;
  const isSet = () => {
    if (set || !isPlausible()) return set;
    set = proven;
    if (!set && monotonic() - askedAt >= ASK_EVERY_MS) asking ??= ask(proof!);
    return set;
  };
  isSet();
  if (asking) await within(FIRST_ANSWER_MS, asking);
  return { now, monotonic, isSet, isPlausible, bootId };
}

function couldBe(ts: number): boolean {
  return ts >= EARLIEST && ts < LATEST;
}

async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([work, new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))]);
  clearTimeout(timer);
}

/** The start of the machine in which the clock was last known to be set. */
function remembered(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** Where it cannot be written, the next start asks again. */
async function remember(file: string, bootId: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(file, bootId);
  } catch {}
}

function readBootId(): string {
  try {
    if (process.platform === 'darwin')
      return execFileSync('sysctl', ['-n', 'kern.bootsessionuuid'], { encoding: 'utf8' });
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    // Without one, what another process held is taken for held before this start: its time is a bound then, and flagged as such.
    return randomUUID();
  }
}
