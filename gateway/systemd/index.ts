import { write } from 'node:fs';

/** The service manager that started this process, or nobody. All of its methods are safe to call when it is nobody. */
export interface ServiceManager {
  /** The program starts, for as long as that takes: until `ready`, it is said again and again that it is on its way. */
  starting(): void;
  /** The program serves; also after a reload. */
  ready(): Promise<void>;
  reloading(): Promise<void>;
  stopping(): Promise<void>;
  /**
   * Where the manager restarts a program that falls silent: says three times in its interval that this one is well, as long as `healthy` gives true.
   * Until `close`.
   */
  watch(healthy: () => Promise<boolean>): void;
  close(): void;
}

export interface ServiceManagerOptions {
  /**
   * `HEADWATER_NOTIFY_FD` is a datagram socket that leads to the manager: Node cannot open one, so who starts the program does
   * (infra/package/debian/with-notify). `WATCHDOG_USEC` and `WATCHDOG_PID` are systemd's own.
   */
  readonly env?: NodeJS.ProcessEnv;
  readonly log: { warn(fields: object, message: string): void };
  /** How often it is said that the program is still starting; once a minute unless given. */
  readonly stillEveryMs?: number;
}

/** What sd_notify(3) does, for systemd's `Type=notify` and `WatchdogSec=`. */
export function serviceManager({
  env = process.env,
  log,
  stillEveryMs = 60_000,
}: ServiceManagerOptions): ServiceManager {
  const fd = Number(env.HEADWATER_NOTIFY_FD || Number.NaN);
  const isHere = Number.isInteger(fd);
  let timer: NodeJS.Timeout | undefined;
  let still: NodeJS.Timeout | undefined;
  let failed = false;

  function tell(state: string): Promise<void> {
    if (!isHere) return Promise.resolve();
    return new Promise((resolve) => {
      // In the thread pool: a manager that does not read would block this thread.
      write(fd, state, (error) => {
        if (error && !failed) log.warn({ err: error }, 'the service manager cannot be told how the gateway is');
        failed = error !== null;
        resolve();
      });
    });
  }

  return {
    starting() {
      // Beyond the unit's TimeoutStartSec, systemd waits so long for the next word: a repair of millions of records must not be killed, and begun anew, for ever.
      still = setInterval(() => void tell(`EXTEND_TIMEOUT_USEC=${3 * stillEveryMs * 1_000}`), stillEveryMs);
      still.unref();
    },
    ready() {
      clearInterval(still);
      return tell('READY=1');
    },
    // The time tells systemd that the READY=1 which follows belongs to this reload.
    reloading: () => tell(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1_000n}`),
    stopping: () => tell('STOPPING=1'),
    watch(healthy) {
      const intervalMs = Number(env.WATCHDOG_USEC || Number.NaN) / 1_000;
      const isMeant = env.WATCHDOG_PID === undefined || Number(env.WATCHDOG_PID) === process.pid;
      if (!isHere || !isMeant || !(intervalMs > 0)) return;
      timer = setInterval(async () => {
        if (await healthy()) await tell('WATCHDOG=1');
      }, intervalMs / 3);
      timer.unref();
    },
    close() {
      clearInterval(still);
      clearInterval(timer);
    },
  };
}
