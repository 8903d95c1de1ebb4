import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openIntake, openStore } from '../sinks/index.ts';
import { episodesView } from './episodes-view.ts';

const NOW = 1_790_000_000_000;

test('episodes show the latest first, each as it was last told, without those that became part of another', () => {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-episodes-'));
  const store = openStore({ file: join(dir, 'results.sqlite') });
  const intake = openIntake(
    store,
    () => NOW,
    () => {},
  );
  const row = (secondsAgo: number, subject: string, revision: number, more: object = {}) => {
    const windowStart = NOW - secondsAgo * 1_000;
    const window = { series: `client-hammering/${subject}`, windowStart, windowEnd: windowStart + 30_000, revision };
    const found = { count: 1, most: 100 + revision, peak: null, until: windowStart + 10_000 };
    const value = { ...window, kind: 'client-hammering', subject, early: true, mergedInto: null, ...found, ...more };
    return Buffer.from(JSON.stringify(value));
  };
  const values = [
    row(7_200, 'd', 0),
    row(300, 'a', 0),
    row(20, 'b', 0),
    row(300, 'a', 1, { early: false }),
    row(60, 'c', 0),
    row(60, 'c', 1, { mergedInto: NOW - 70_000, count: 0, most: null, until: null }),
  ];
  const records = values.map((value, offset) => ({ key: null, value, headers: {}, offset, appendedAt: NOW }));
  const n = records.length;
  intake.accept({ topic: 'episodes', partition: 0, records, from: 0, next: n, highWatermark: n } as never);
  expect(episodesView(store, 10, NOW).map(({ subject, early, most }) => [subject, early, most])).toEqual([
    ['b', true, 100],
    ['a', false, 101],
    ['d', false, 100],
  ]);
  store.close();
  rmSync(dir, { recursive: true });
});
