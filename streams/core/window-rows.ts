import { CONTRACT_VERSION, encode, HEADER } from '../../contract/index.ts';
import type { Aggregation } from './accumulators.ts';
import type { WindowsTo } from './plan.ts';
import type { Window } from './series.ts';
import type { OutputRecord } from './task.ts';

const HEADERS = { [HEADER.version]: CONTRACT_VERSION };

/** Makes the function that writes a window's result, after the withdrawals of the sessions that have become part of it. */
export function windowRows(
  { by, sizes, emit }: WindowsTo,
  aggregation: Aggregation,
  put: (output: OutputRecord) => void,
): (window: Window, early: boolean) => void {
  const names = Object.keys(by);
  const nothing = aggregation.results(aggregation.start());
  return (window, early) => {
    const { series, start, end, revision, merged, closesAt } = window;
    const write = (
      windowStart: number,
      windowEnd: number,
      of: number,
      results: Readonly<Record<string, unknown>>,
      mergedInto: number | null,
    ): void => {
      const row: Record<string, unknown> = { series: series.name, windowStart, windowEnd, revision: of };
      if (emit !== undefined) row.early = early;
      // Only a session closes after its end.
      if (closesAt !== end) row.mergedInto = mergedInto;
      for (let i = 0; i < names.length; i++) row[names[i]!] = series.columns[i];
      Object.assign(row, results);
      put({ topic: sizes[window.size]!.to.name, key: series.name, value: encode(row), headers: HEADERS });
    };
    for (const [mergedStart, mergedEnd, next] of merged) write(mergedStart, mergedEnd, next, nothing, start);
    window.merged = [];
    write(start, end, revision, aggregation.results(window.accumulators), null);
  };
}
