import type { WindowTopic } from '../../streams/core/index.ts';
import type { OwnWindow, Store } from '../sinks/index.ts';
import type { Range } from './views.ts';

const TABLE_ROWS = 12;
/** Points of a chart; more than a screen has dots are of no use. */
const MOST_WINDOWS = 2_000;
/** What every row of windows has besides what was declared. */
const FRAME = new Set(['series', 'windowStart', 'windowEnd', 'revision', 'early', 'mergedInto']);

/**
 * Windows of the jobs that were added to the hub: their topics, the latest row of each of the busiest series of one (`chosen.topic`, or the first), and the
 * windows of one series (`chosen.series`, or the first) by column.
 */
export function ownView(
  store: Store,
  own: readonly WindowTopic[],
  chosen: { readonly topic?: string | undefined; readonly series?: string | undefined },
  range: Range,
) {
  const topics = own.map(({ topic: { name, description } }) => ({ name, description }));
  const { topic, by, ms } = own.find((one) => one.topic.name === chosen.topic) ?? own[0] ?? {};
  const rowsOf = (series: string) => store.series<OwnWindow>(topic!.name, series, range.from, range.to);
  const names = topic ? store.busiest(topic.name, range.from, range.to, TABLE_ROWS) : [];
  const latest = names.flatMap((series) => rowsOf(series).slice(-1));
  const shown = names.find((series) => series === chosen.series) ?? names[0];
  const windows = shown === undefined ? [] : rowsOf(shown).slice(-MOST_WINDOWS);
  const columns = [...new Set([...latest, ...windows].flatMap(Object.keys))].filter(
    (name) => !FRAME.has(name) && !by?.includes(name),
  );
  return {
    topics,
    topic: topic?.name ?? null,
    windowMs: ms ?? null,
    columns: columns.filter((name) => [...latest, ...windows].some((row) => numberOf(row[name]) !== null)),
    latest,
    seriesCount: topic ? store.countSeries(topic.name, range.from, range.to) : 0,
    shown: {
      series: shown ?? null,
      start: windows.map((row) => row.windowStart),
      values: Object.fromEntries(columns.map((name) => [name, windows.map((row) => numberOf(row[name]))])),
    },
  };
}

/** Decimal strings, as money is, are numbers to a chart. */
function numberOf(value: unknown): number | null {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : null;
}
