import type { Random } from '../random/index.ts';
import { PARTS } from './site.ts';

/** A time in which a part of the site fails or is slow. */
export interface Incident {
  readonly kind: 'errors' | 'latency';
  /** Beginning of the paths concerned. */
  readonly part: string;
  /** ms since the epoch, the end excluded. */
  readonly from: number;
  readonly to: number;
  /** Share of requests that fail, or how many times as long they take. */
  readonly factor: number;
}

/** Gives the incident that concerns a path at a time; times must not go back. Each incident is added to `happened` when it begins. */
export function incidents(random: Random, startAt: number, meanGapMs: number, happened: Incident[]) {
  let next = incident(random, startAt + random.exponential(meanGapMs));
  return (at: number, path: string): Incident | undefined => {
    while (at >= next.from) {
      happened.push(next);
      next = incident(random, next.to + random.exponential(meanGapMs));
    }
    const last = happened.at(-1);
    return last && at < last.to && path.startsWith(last.part) ? last : undefined;
  };
}

function incident(random: Random, from: number): Incident {
  const kind = random.pick(['errors', 'latency'] as const);
  return {
    kind,
    part: random.pick(PARTS),
    from,
    to: from + random.between(20_000, 60_000),
    factor: kind === 'errors' ? 0.2 + 0.6 * random.uniform() : random.between(5, 15),
  };
}
