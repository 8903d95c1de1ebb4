import { CONTRACT_VERSION, HEADER } from '../../contract/index.ts';
import type { Aggregation } from './aggregation.ts';
import { compileExpression } from './expressions.ts';
import type { WindowsTo } from './plan.ts';
import type { SeriesStore } from './series.ts';
import type { OutputRecord } from './task.ts';
import type { Window } from './window.ts';

const HEADERS = { [HEADER.version]: CONTRACT_VERSION };

/**
 * Makes the function that writes a window's result, after the withdrawals of the sessions that have become part of it, and says whether there was one
 * to write.
 */
export function windowRows(
  { by, sizes, derive = {}, having, emit }: WindowsTo,
  aggregation: Aggregation,
  store: SeriesStore,
  put: (output: OutputRecord) => void,
): (window: Window, early: boolean) => boolean {
  const names = Object.keys(by);
  const derived = Object.entries(derive).map(([name, e]) => [name, compileExpression(e)] as const);
  const fulfils = having && compileExpression(having);
  const nothing = aggregation.results(aggregation.start());
  const { windows, collected } = store;
  return (window, early) => {
    const series = windows.series(window);
    const name = store.nameOf(series);
    const columns = store.columnsOf(series) ?? [name];
    const start = windows.start(window);
    const end = windows.end(window);
    const revision = windows.revision(window);
    const merged = windows.merged(window);
    const isSession = windows.isSession(window);
    const rowOf = (
      windowStart: number,
      windowEnd: number,
      of: number,
      results: Readonly<Record<string, unknown>>,
      mergedInto: number | null,
    ) => {
      const row: Record<string, unknown> = { series: name, windowStart, windowEnd, revision: of };
      if (emit !== undefined) row.early = early;
      if (isSession) row.mergedInto = mergedInto;
      for (let i = 0; i < names.length; i++) row[names[i]!] = columns[i];
      Object.assign(row, results);
      for (const [name, of] of derived) row[name] = of(row);
      return row;
    };
    const row = rowOf(start, end, revision, aggregation.results(collected.of(window)), null);
    // Whoever knows a window, or a session that is now part of it, is told what becomes of it.
    const isNew = revision === 0 && merged.length === 0;
    if (isNew && fulfils !== undefined && fulfils(row) !== true) return false;
    const topic = sizes[windows.size(window)]!.to.name;
    const write = (one: object) => put({ topic, key: name, value: JSON.stringify(one), headers: HEADERS });
    for (const [mergedStart, mergedEnd, next] of merged) write(rowOf(mergedStart, mergedEnd, next, nothing, start));
    windows.setMerged(window, []);
    write(row);
    return true;
  };
}
