import { expect, test } from 'vitest';
import { measureDrain } from '../../bench/drain.ts';
import { parseIdentity, TOPICS } from '../../contract/index.ts';
import { openConsumer } from '../../kafka/index.ts';
import { openTestBed } from '../support/testbed.ts';

const READINGS = 1_000_000;

/** Watches `iot.raw` without keeping it: how many came in each lane, and whether in order and without holes. */
async function watchRaw(bed: Awaited<ReturnType<typeof openTestBed>>) {
  const lanes = new Map<string, number>();
  let records = 0;
  let holes = 0;
  let repeats = 0;
  const consumer = await openConsumer(bed.as('hub'), {
    groupId: 'hub.test',
    topics: [TOPICS.raw.name],
    onFailed: () => {},
    async onBatch(batch) {
      for (const { headers } of batch.records) {
        const { lane, sequence } = parseIdentity(headers.id!);
        const last = lanes.get(lane) ?? 0;
        if (sequence <= last) repeats++;
        else {
          if (sequence > last + 1) holes++;
          lanes.set(lane, sequence);
        }
        records++;
      }
      return undefined;
    },
  });
  return {
    close: () => consumer.close(),
    seen: () => ({ distinct: [...lanes.values()].reduce((sum, last) => sum + last, 0), holes, repeats, records }),
  };
}

test('a backlog of a million drains in order and whole, live readings go between, and memory does not grow', async () => {
  const bed = await openTestBed();
  await bed.createTopics([TOPICS.raw.name], 1);
  const raw = await watchRaw(bed);
  try {
    const drained = await measureDrain(bed.as('gateway'), { readings: READINGS, liveRate: 100 });
    console.log(JSON.stringify(drained));
    expect(drained.waiting).toBe(0);
    expect(drained.forwarded).toBe(READINGS + drained.live);
    await expect.poll(() => raw.seen().distinct, { timeout: 60_000 }).toBe(READINGS + drained.live);
    expect(raw.seen()).toMatchObject({ holes: 0, repeats: 0 });
    expect(drained.live).toBeGreaterThan(100);
    // While a live reading waits, some batches of the backlog may pass it, not the backlog.
    expect(drained.overtakenByMost).toBeLessThan(READINGS / 10);
    expect(drained.liveInBacklog).toBeLessThan(drained.live / 2);
    expect(drained.rssEndMb).toBeLessThan(drained.rssMiddleMb * 1.25 + 20);
    expect(drained.diskAfterMb).toBeLessThan(drained.diskBeforeMb / 10);
  } finally {
    await raw.close();
    await bed.close();
  }
});
