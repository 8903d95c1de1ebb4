import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** The gateway's own clock. A machine without a battery for it starts years in the past, until the network tells the time. */
export interface GatewayClock {
  /** ms since the epoch, if the clock is set. */
  now(): number;
  /** ms since the machine was started; goes on over a restart of the gateway. */
  monotonic(): number;
  isSet(): boolean;
  /** Differs between two starts of the machine. */
  readonly bootId: string;
}

/** Before this the clock cannot have been set: this code did not exist. The contract ends with the other. */
const EARLIEST = Date.UTC(2024, 0, 1);
const LATEST = Date.UTC(2100, 0, 1);

/** A clock that was set goes on by the time since then where somebody or a broken one sets it to what cannot be. */
export function systemClock(): GatewayClock {
  const monotonic = () => Number(process.hrtime.bigint() / 1_000_000n);
  let started: number | undefined;
  const now = () => {
    const wall = Date.now();
    if (wall >= EARLIEST && wall < LATEST) {
      started = wall - monotonic();
      return wall;
    }
    return started === undefined ? wall : started + monotonic();
  };
  return {
    now,
    monotonic,
    isSet: () => {
      const at = now();
      return at >= EARLIEST && at < LATEST;
    },
    bootId: readBootId(),
  };
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
