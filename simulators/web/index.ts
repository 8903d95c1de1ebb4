import { type PlaybackOptions, playToFile } from '../playback/index.ts';
import type { Attack } from './attacks.ts';
import type { Incident } from './incidents.ts';
import { type LogLine, type TrafficOptions, traffic } from './traffic.ts';

export type { Attack } from './attacks.ts';
export type { Incident } from './incidents.ts';
export { type LogLine, type TrafficOptions, traffic } from './traffic.ts';

export type WebLogOptions = Omit<TrafficOptions, 'startAt'> & PlaybackOptions;

/** What was really written. */
export interface WebTruth {
  readonly requests: number;
  readonly malformed: number;
  /** Those begun so far. */
  readonly incidents: readonly Incident[];
  readonly attacks: readonly Attack[];
}

/** Writes the shop's access log, live, until closed. */
export function startWebLog(options: WebLogOptions): { truth(): WebTruth; close(): Promise<void> } {
  const { lines, incidents, attacks } = traffic({ ...options, startAt: (options.now ?? Date.now)() });
  const written = { requests: 0, malformed: 0 };
  // A line counts when the next is asked for: only then is it on its way to the file.
  function* counted(): Generator<LogLine> {
    for (const line of lines) {
      yield line;
      written[line.malformed ? 'malformed' : 'requests']++;
    }
  }
  const playback = playToFile(counted(), options);
  return {
    truth: () => ({ ...written, incidents: [...incidents], attacks: [...attacks] }),
    close: () => playback.close(),
  };
}
