import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectUndisturbed, prepareCounting, startWorker } from '../support/counting-runs.ts';
import type { KillPoint } from '../support/kill-points.ts';
import { collect, feed, openTestBed, type TestBed, until } from '../support/testbed.ts';
import { transactionsOf } from '../support/transactions.ts';

let bed: TestBed;
beforeAll(async () => {
  bed = await openTestBed();
});
afterAll(() => bed?.close());

const PORTION = 200;

/** A step whose process is killed at the point of each of its lives in turn, while records come in, and then left alone. */
async function killedAt(name: string, points: readonly KillPoint[], padding = 0): Promise<{ aborted: number }> {
  const options = await prepareCounting(bed, name, { commitEveryMs: 20 });
  const outputs = await collect(bed, options.output);
  let fed = 0;
  const feedMore = async () => {
    await feed(bed, options.input, fed, PORTION, 50, padding);
    fed += PORTION;
  };
  let life = 0;
  for (const point of points) {
    const after = life++ === 0 ? 2 : 0;
    const victim = startWorker(bed, options, { point, signal: 'SIGKILL', results: options.output, after });
    const killed = () => victim.process.signalCode === 'SIGKILL';
    try {
      await until(`life ${life} killed at "${point}"`, 60, async () => {
        if (!killed()) await feedMore();
        return killed();
      });
    } catch (error) {
      throw new Error(`${error}\n${JSON.stringify(victim.status())}\n${victim.log.join('')}`, { cause: error });
    } finally {
      victim.kill('SIGKILL');
    }
  }
  const heir = startWorker(bed, options);
  try {
    await feedMore();
    await until('the heir has done everything', 60, () => outputs.records.length >= fed);
    await heir.close();
  } finally {
    heir.kill('SIGKILL');
  }
  await expectUndisturbed(bed, options, outputs);
  return transactionsOf(bed.cluster.nodes[0]!, options.output);
}

test.concurrent('killed after reading, before anything of it is written', () => killedAt('read', ['read']));

test.concurrent('killed with a part of the results written: that part never shows', async () => {
  // More than one request takes.
  expect((await killedAt('amid', ['amid results'], 20_000)).aborted).toBeGreaterThan(0);
});

test.concurrent('killed with results and checkpoint written, before the commit: none of it ever shows', async () => {
  expect((await killedAt('before', ['before commit'])).aborted).toBeGreaterThan(0);
});

test.concurrent('killed when the commit was sent and before its answer', () => killedAt('sent', ['commit sent']));

test.concurrent('killed when the commit is done and the process does not know', () =>
  killedAt('done', ['commit done']));

test.concurrent('killed before its group is told how far it is, and then after', () =>
  killedAt('telling', ['acknowledging', 'acknowledged']));

test.concurrent('killed again and again while it takes over', () =>
  killedAt('opening', ['before commit', 'opening', 'opened', 'read']));
