import { afterAll, beforeAll, expect, test } from 'vitest';
import { encode, type ReadingWindow, TOPICS } from '../../contract/index.ts';
import { type Warm, watchFreezers } from '../../examples/freezer-watch/index.ts';
import { provision } from '../../hub/topics/index.ts';
import { openProducer } from '../../kafka/index.ts';
import { openTestBed, type TestBed, until } from '../support/testbed.ts';

let bed: TestBed;
beforeAll(async () => {
  bed = await openTestBed();
  await provision(bed.as('admin'), 1);
});
afterAll(() => bed?.close());

function windowOf(device: string, type: string, mean: number): ReadingWindow {
  const time = { windowStart: 1_780_000_000_000, windowEnd: 1_780_000_010_000, revision: 0, count: 10 };
  const from = { gateway: 'gw-1', site: 'warehouse', metric: 'temperature', unit: 'Cel' };
  return { series: `gw-1/${device}/temperature`, ...time, device, ...from, type, mean, min: mean, max: mean };
}

test('the freezer watch tells of the cold store that is too warm, and of nothing else', async () => {
  const warm: Warm[] = [];
  const watch = await watchFreezers(bed.as('page'), -15, (one) => warm.push(one), console.error);
  const producer = await openProducer(bed.as('hub'));
  const windows = [
    windowOf('cold-01', 'cold store', -19),
    windowOf('room', 'climate sensor', 21),
    windowOf('cold-02', 'cold store', -9),
  ];
  await producer.send([
    { topic: TOPICS.readings10s.name, records: windows.map((w) => ({ key: w.series, value: encode(w) })) },
  ]);
  await until('the warm one is told', 30, () => warm.length > 0);
  expect(warm).toEqual([{ device: 'cold-02', site: 'warehouse', temperature: -9, windowEnd: 1_780_000_010_000 }]);
  await Promise.all([watch.close(), producer.close()]);
});
