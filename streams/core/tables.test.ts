import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TOPICS } from '../../contract/index.ts';
import { Lives } from '../testing/index.ts';
import { compile, from, job } from './index.ts';

const T = Date.UTC(2026, 10, 2, 12);
const DAY = 86_400_000;
const HISTORY = 60_000;

const steps = (historyMs?: number) =>
  compile(
    job(
      'test',
      from(TOPICS.readings, { trusted: true })
        .joinTable(TOPICS.devices, 'info', historyMs === undefined ? {} : { historyMs })
        .into(TOPICS.anomalies),
    ),
  )[0]!;

interface Joined {
  readonly info: { readonly site: string } | null;
  readonly infoFromLater?: true;
}

function setUp(historyMs?: number) {
  const lives = new Lives(steps(historyMs));
  const device = (at: number, site: string | null) =>
    lives.process('devices', site === null ? null : { id: 'd-1', site, type: 'climate' }, {
      key: 'd-1',
      appendedAt: T + at,
    });
  const ask = (ts: number, at = ts): [string | null, boolean] => {
    lives.process('iot.readings', { ts: T + ts }, { key: 'd-1', appendedAt: T + at });
    const [{ info, infoFromLater = false }] = lives.takeAll().get('anomalies') as [Joined];
    return [info?.site ?? null, infoFromLater];
  };
  return { lives, device, ask };
}

test('a record gets the row that was valid at its own time, however late it comes', () => {
  const { lives, device, ask } = setUp();
  device(0, 'roof');
  device(2 * DAY, 'cellar');
  device(4 * DAY, null);
  lives.restart();
  expect(ask(DAY, 5 * DAY)).toEqual(['roof', false]);
  expect(ask(3 * DAY, 5 * DAY)).toEqual(['cellar', false]);
  expect(ask(5 * DAY)).toEqual([null, false]);
});

test('a record from before the oldest row known gets that one, and is flagged', () => {
  const { device, ask } = setUp();
  device(0, 'roof');
  expect(ask(-1)).toEqual(['roof', true]);
  expect(ask(0)).toEqual(['roof', false]);
});

test('a row that comes after another counts from then on, also where the clock of its broker was set back meanwhile', () => {
  const { lives, device, ask } = setUp(HISTORY);
  device(10_000, 'roof');
  device(20_000, 'cellar');
  device(5_000, 'hall');
  lives.restart();
  expect(ask(15_000, 30_000)).toEqual(['roof', false]);
  expect(ask(25_000, 30_000)).toEqual(['hall', false]);
  device(21_000, null);
  expect(ask(20_500, 30_000)).toEqual(['hall', false]);
  expect(ask(21_000, 30_000)).toEqual([null, false]);
});

test('rows replaced before the history began are forgotten', () => {
  const { lives, device, ask } = setUp(HISTORY);
  for (let second = 0; second < 300; second++) device(second * 1_000, `site-${second}`);
  expect(lives.stateKeys).toEqual(['t/devices/d-1']);
  expect(ask(10_000, 300_000)).toEqual(['site-239', true]);
  expect(ask(250_500, 300_000)).toEqual(['site-250', false]);
});

test('rows written before there were histories are read as valid all along', () => {
  const task = steps().createTask(0);
  task.restore([{ key: 't/devices/d-1', value: { id: 'd-1', site: 'roof', type: 'climate' } }]);
  const value = Buffer.from(JSON.stringify({ ts: T }));
  task.process('iot.readings', { key: 'd-1', value, headers: {}, partition: 0, offset: 0, appendedAt: T });
  expect(JSON.parse(String(task.takeOutputs()[0]!.value))).toEqual({
    ts: T,
    info: { id: 'd-1', site: 'roof', type: 'climate' },
  });
});

test('any history of rows and readings is joined as one would by hand, wherever the task died', () => {
  const event = fc.record({
    after: fc.constantFrom(0, 1, 5_000, 20_000, 70_000),
    site: fc.option(fc.constantFrom('roof', 'cellar', 'hall'), { freq: 3 }),
    behind: fc.constantFrom(0, 0, 3_000, 30_000, 59_999),
    isRow: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60, size: 'max' }), fc.array(fc.nat(60)), (events, cuts) => {
      const { lives, device, ask } = setUp(HISTORY);
      const rows: { at: number; site: string | null }[] = [];
      let now = 0;
      for (const [i, { after, site, behind, isRow }] of events.entries()) {
        now += after;
        if (cuts.includes(i)) lives.restart(i % 2 === 0);
        if (isRow) {
          device(now, site);
          rows.push({ at: now, site });
          continue;
        }
        const [found, flagged] = ask(now - behind, now);
        const valid = rows.findLast(({ at }) => at <= now - behind);
        // Within the history the answer is that of somebody who has kept everything.
        if (valid !== undefined && !flagged) expect(found).toBe(valid.site);
        const since = rows.at(-1)?.at ?? 0;
        if (valid !== undefined && now - behind >= since - HISTORY && valid.site !== null) expect(flagged).toBe(false);
      }
    }),
    { numRuns: 200, endOnFailure: true },
  );
});
