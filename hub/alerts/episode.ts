import type { Alert } from '../../contract/index.ts';
import type { Rule } from './rules.ts';
import type { Signal } from './signals.ts';

/** Without a word about its series for so long an alert is over: what it was about is no more. */
const FORGOTTEN_MS = 900_000;
/** So long an end is remembered: windows that are revised come again, and what they say was told. */
const REVISED_MS = 600_000;

/** What is known of one rule and series. */
export interface Episode {
  readonly state: 'quiet' | 'pending' | 'firing';
  /** When the present state of affairs began: the first signal out of order; of what is quiet, the first that ended the last one. */
  readonly since: number;
  readonly last: Signal | null;
  /** Of the records that a rule counts, the latest. */
  readonly times: readonly number[];
  /** Wall-clock time of the last tick that found new signals; null: the next tick says. Not kept over a restart, in which nobody listened. */
  readonly heardAt: number | null;
}

export const QUIET: Episode = { state: 'quiet', since: 0, last: null, times: [], heardAt: null };

export type Tell = (alert: Alert) => void;

/** What becomes of an episode with a signal. @returns undefined where there is nothing to remember */
export function onSignal(rule: Rule, episode: Episode, signal: Signal, tell: Tell): Episode | undefined {
  const { when } = rule;
  const { last } = episode;
  // What is counted is so in any order: it comes from many places.
  if (last !== null && signal.ts < last.ts && !('count' in when)) return episode;
  const heard = { ...episode, last: signal, heardAt: null };
  if ('silentFor' in when) return settle(rule, heard, false, signal.ts, tell);
  if ('count' in when) {
    const times = [...episode.times, signal.ts].sort((a, b) => a - b).slice(-when.count);
    const latest = times.at(-1)!;
    return settle(rule, { ...heard, times }, isBurst(when, times, latest), latest, tell);
  }
  const value = signal.value!;
  if ('is' in when) {
    const after = settle(rule, heard, value === 1, signal.ts, tell);
    return after.state === 'quiet' ? undefined : after;
  }
  if ('growingAbove' in when) {
    const grows = value > when.growingAbove && last !== null && value >= last.value!;
    return settle(rule, heard, grows, signal.ts, tell);
  }
  const outside = value > (when.above ?? Infinity) || value < (when.below ?? -Infinity);
  const after = settle(rule, heard, outside, signal.ts, tell);
  return after.state === 'quiet' && signal.ts - after.since > REVISED_MS ? undefined : after;
}

/**
 * What becomes of an episode as time passes; its rule may be gone since.
 * @param listeningSince what was not heard before that is no silence
 * @returns the same episode where nothing did, undefined where there is nothing more to remember
 */
export function onTick(
  rule: Rule | undefined,
  episode: Episode,
  now: number,
  listeningSince: number,
  tell: Tell,
): Episode | undefined {
  if (rule === undefined) {
    if (episode.state !== 'quiet') tell(alertOf(episode, 'resolved', now));
    return undefined;
  }
  const { when } = rule;
  if ('is' in when) {
    // Nothing may come while it stays so: a topic of changes says it once.
    const isDue = episode.state === 'pending' && now - episode.since >= rule.forMs;
    return isDue ? settle(rule, episode, true, now, tell) : episode;
  }
  // Also after the hub's clock was set back: it would be deaf until that time comes again.
  const { heardAt } = episode;
  if (heardAt === null || now < heardAt || heardAt < listeningSince) return { ...episode, heardAt: now };
  const quietFor = now - heardAt;
  if ('silentFor' in when) {
    return quietFor >= when.silentFor && episode.state === 'quiet' ? settle(rule, episode, true, now, tell) : episode;
  }
  if ('count' in when) {
    if (isBurst(when, episode.times, now)) return episode;
    if (episode.state !== 'quiet') settle(rule, episode, false, now, tell);
    if (quietFor > when.within) return undefined;
    return episode.state === 'quiet' ? episode : { ...episode, state: 'quiet' };
  }
  if (quietFor <= FORGOTTEN_MS) return episode;
  settle(rule, episode, false, now, tell);
  return undefined;
}

function isBurst(when: { count: number; within: number }, times: readonly number[], now: number): boolean {
  return times.length === when.count && times[0]! > now - when.within;
}

/** Quiet → pending → firing while it `holds`, and quiet again when it does not; every change is told. */
function settle(rule: Rule, episode: Episode, holds: boolean, ts: number, tell: Tell): Episode {
  const { state } = episode;
  if (!holds) {
    if (state === 'quiet') return episode;
    tell(alertOf(episode, 'resolved', ts));
    return { ...episode, state: 'quiet', since: ts };
  }
  const since = state === 'quiet' ? ts : episode.since;
  const next = ts - since >= rule.forMs ? 'firing' : 'pending';
  const after: Episode = { ...episode, state: next, since };
  if (next !== state) tell(alertOf(after, next, ts));
  return after;
}

function alertOf({ since, last, times }: Episode, state: Alert['state'], ts: number): Alert {
  const { rule, series, key, severity, summary, labels } = last!;
  const value = times.length > 0 ? times.length : last!.value;
  const shown = value === null ? 'unknown' : Number(value.toPrecision(4)).toString();
  return {
    id: `${key}@${since}`,
    rule,
    series,
    state,
    severity,
    summary: summary.replaceAll('{value}', () => shown),
    value,
    since,
    ts,
    // A signal that an earlier version kept has none.
    ...(labels && { labels }),
  };
}
