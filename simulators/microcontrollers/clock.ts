/** The time a board lives by: milliseconds since the epoch, fractions allowed. */
export interface Clock {
  now(): number;
  /** Calls `callback` once, `ms` from now; gives what cancels it. */
  after(ms: number, callback: () => void): () => void;
}

/** Wall time that never jumps back, whatever is done to the machine's date. */
export const wallClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

export interface ManualClock extends Clock {
  /** Lets `ms` pass, with every call that falls due in it made in its order and at its time. */
  advance(ms: number): void;
}

export function manualClock(start = 0): ManualClock {
  let now = start;
  const due = new Set<{ readonly at: number; readonly callback: () => void }>();
  return {
    now: () => now,
    after(ms, callback) {
      const call = { at: now + ms, callback };
      due.add(call);
      return () => due.delete(call);
    },
    advance(ms) {
      const end = now + ms;
      for (;;) {
        const next = [...due].sort((a, b) => a.at - b.at)[0];
        if (next === undefined || next.at > end) break;
        due.delete(next);
        now = next.at;
        next.callback();
      }
      now = end;
    },
  };
}
