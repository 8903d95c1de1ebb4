/** Wall-clock time, behind an interface so that tests own it. */
export interface Clock {
  /** ms since the epoch. */
  now(): number;
  /** Runs `action` once after `ms`, unless the function it gives back is called before. */
  after(ms: number, action: () => void): () => void;
}

export const systemClock: Clock = {
  now: Date.now,
  after(ms, action) {
    const timer = setTimeout(action, ms);
    return () => clearTimeout(timer);
  },
};

/** Runs `action` every `ms` until the function it gives back is called. */
export function every(clock: Clock, ms: number, action: () => void): () => void {
  const again = () => {
    cancel = clock.after(ms, again);
    action();
  };
  let cancel = clock.after(ms, again);
  return () => cancel();
}

/** Resolves after `ms`, or as soon as `signal` is aborted. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    if (signal.aborted) done();
    else signal.addEventListener('abort', done);
  });
}

/** What `work` gives, or after `ms` the error of `timedOut`. */
export function within<T>(clock: Clock, ms: number, work: Promise<T>, timedOut: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(ms, () => reject(timedOut()));
    work.then(resolve, reject).finally(cancel);
  });
}

/** Waits for work whose outcome is reported elsewhere; not longer than `ms`, and says so when it is late. */
export function briefly(clock: Clock, ms: number, work: Promise<unknown>, onLate: () => void): Promise<void> {
  const late = new Error('late');
  return within(clock, ms, work, () => late).then(
    () => {},
    (error) => {
      if (error === late) onLate();
    },
  );
}

/** How long to wait before the next attempt, ms: doubles from 250 ms to 15 s with each failure in a row, half of it chance. */
export function backOff(failures: number, random: () => number = Math.random): number {
  const full = Math.min(15_000, 250 * 2 ** Math.min(failures, 10));
  return full * (0.5 + random() / 2);
}
