import { afterAll, beforeAll, expect, test } from 'vitest';
import { TOPICS } from '../../contract/index.ts';
import type { IncomingRecord } from '../../kafka/index.ts';
import { startWorker } from '../support/counting-runs.ts';
import { collect, openTestBed, PARTITIONS, type TestBed, until } from '../support/testbed.ts';
import {
  lastRows,
  MINUTE,
  openSender,
  REFUSED,
  type Sent,
  T0,
  type WindowRow,
  windowsOf,
} from '../support/windowing.ts';

let bed: TestBed;
beforeAll(async () => {
  bed = await openTestBed();
});
afterAll(() => bed?.close());

const DAY = 1_440;
const WEEK = 7 * DAY;
const LATE = 'gw-late';
/** A gateway in each partition; that of the first shares it with the one that was away. */
const LIVE = Array.from({ length: PARTITIONS }, (_, i) => `gw-${i}`);
/** So much of the backlog comes between two live readings. */
const CHUNK = 500;
const partitionOf = (gateway: string) => Math.max(0, LIVE.indexOf(gateway));

const at = (gateway: string, minute: number, more: Partial<Sent> = {}): Sent => {
  return { series: 'temperature', gateway, site: 'roof', ts: T0 + minute * MINUTE + 10_000, v: minute % 40, ...more };
};
const everyone = (minute: number) => LIVE.map((gateway) => at(gateway, minute));

/** The week in which one gateway had no line, and what it had kept, in the order in which the hub gets it. */
function records() {
  const week: Sent[] = [];
  for (let minute = 0; minute < 5; minute++) week.push(...everyone(minute), at(LATE, minute));
  // The line fails within a minute: what the gateway still reads in it comes with the backlog.
  for (let minute = 5; minute < WEEK; minute += 5) week.push(...everyone(minute));
  const backlog: Sent[] = [at(LATE, 4, { ts: T0 + 5 * MINUTE - 1, lane: 'backlog' })];
  for (let minute = 5; minute < WEEK; minute++) backlog.push(at(LATE, minute, { lane: 'backlog' }));
  const back: Sent[] = [];
  let minute = WEEK;
  for (let sent = 0; sent < backlog.length; sent += CHUNK, minute++) {
    back.push(...everyone(minute), at(LATE, minute, { holdsBacklog: true }), ...backlog.slice(sent, sent + CHUNK));
  }
  // All are live again, until every window of before is over.
  for (const end = minute + 5; minute < end; minute++) back.push(...everyone(minute), at(LATE, minute));
  return { week, back, lastOver: T0 + (minute - 2) * MINUTE };
}

test('a week of backlog is neither late nor in the way of live devices, nor does it replace what is complete', async () => {
  const sites = { to: 'hub.away.sites', graceMs: (WEEK + DAY) * MINUTE };
  const names = { id: 'away', input: 'hub.away.in', output: 'hub.away.out' };
  const options = { kind: 'windowing', ...names, sites, now: T0 + WEEK * MINUTE } as const;
  const internal = ['hub.away.state', 'hub.away.by-site', 'hub.away.by-site.state'];
  await bed.createTopics([options.input, ...internal, ...REFUSED]);
  // One partition, so that it shows what came out before what.
  await bed.createTopics([options.output, sites.to], 1);
  const [outputs, siteRows, late] = await Promise.all(
    [options.output, sites.to, TOPICS.late.name].map((topic) => collect(bed, topic)),
  );
  const { week, back, lastOver } = records();
  const all = [...week, ...back];
  const bySeries = windowsOf(all, ({ gateway, series }) => `${gateway}/${series}`);
  const bySite = windowsOf(all, ({ site }) => site);

  const sender = await openSender(bed, options.input, partitionOf);
  await sender.send(...week);
  const first = startWorker(bed, options);
  await until('the site has its windows without the gateway', 90, () => siteRows!.records.length > WEEK / 5 - 10);
  await first.close();

  await sender.send(...back);
  await sender.close();
  const interruption = { point: 'before commit', signal: 'SIGKILL', results: options.output, after: 2 } as const;
  const victim = startWorker(bed, options, interruption);
  await until('killed while the backlog comes', 60, () => victim.process.signalCode === 'SIGKILL');
  const heir = startWorker(bed, options);
  try {
    const isOut = (records: readonly IncomingRecord[], series: number) =>
      records.filter(({ value }) => value!.includes(`"windowStart":${lastOver},`)).length >= series;
    await until('the last windows of each series are out', 60, () => isOut(outputs!.records, LIVE.length + 1));
    await until('the last window of the site is out', 60, () => isOut(siteRows!.records, 1));
    await heir.close();
  } finally {
    heir.kill('SIGKILL');
  }

  const rows = rowsOf(await outputs!.toEnd());
  const expectLast = (actual: ReturnType<typeof lastRows>, expected: ReturnType<typeof windowsOf>) => {
    for (const [window, values] of actual) expect({ window, ...values }).toEqual({ window, ...expected.get(window) });
  };
  expectLast(lastRows(rows), bySeries);
  expect(lastRows(rows).size).toBe(bySeries.size - LIVE.length - 1);
  const overSites = rowsOf(await siteRows!.toEnd());
  expectLast(lastRows(overSites), bySite);
  expect(lastRows(overSites).size).toBe(bySite.size - 1);
  expect(
    overSites.filter(({ revision, windowStart }) => revision > 0 && windowStart < T0 + WEEK * MINUTE).length,
  ).toBeGreaterThan(DAY);
  expect(await late!.toEnd()).toEqual([]);

  // The live gateway of the same partition had its windows out all the while.
  let between = 0;
  for (const { series } of rows) {
    if (series.startsWith(LATE)) between++;
    else if (series.startsWith(LIVE[0]!)) between = 0;
    expect(between).toBeLessThan(2 * CHUNK);
  }
  await Promise.all([outputs!.close(), siteRows!.close(), late!.close()]);
});

function rowsOf(records: readonly IncomingRecord[]): WindowRow[] {
  return records.map(({ value }) => JSON.parse(value!.toString()) as WindowRow);
}
