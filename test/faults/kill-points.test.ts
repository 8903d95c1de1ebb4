import { afterAll, beforeAll, expect, test } from 'vitest';
import type { IncomingRecord } from '../../kafka/index.ts';
import { expectUndisturbed, prepareCounting, shared, startWorker, type Worker } from '../support/counting-runs.ts';
import { ANSWERED, FENCED, INTERRUPTED, type Interruption, type KillPoint } from '../support/kill-points.ts';
import { collect, feed, openTestBed, PARTITIONS, send, type TestBed, until } from '../support/testbed.ts';
import { type Transactions, transactionsOf } from '../support/transactions.ts';

let bed: TestBed;
beforeAll(async () => {
  bed = await openTestBed();
});
afterAll(() => bed?.close());

const PORTION = 200;
/** So long that the results of a portion are more than one request takes. */
const LONG = 15_000;

/** A step, its results, and records for it. */
async function prepare(name: string, padding = 0) {
  const options = await prepareCounting(bed, name, { commitEveryMs: 20 });
  const outputs = await collect(bed, options.output);
  let fed = 0;
  const feedMore = async () => {
    await feed(bed, options.input, fed, PORTION, 50, padding);
    fed += PORTION;
  };
  return {
    output: options.output,
    outputs,
    feedMore,
    start: (interruption?: Omit<Interruption, 'results'>) =>
      startWorker(bed, options, interruption && { ...interruption, results: options.output }),
    /** Feeds until something has happened to a worker. */
    async feedUntil(what: string, worker: Worker, happened: () => boolean) {
      try {
        await until(what, 60, async () => {
          if (!happened()) await feedMore();
          return happened();
        });
      } catch (error) {
        worker.kill('SIGKILL');
        throw new Error(`${error}\n${JSON.stringify(worker.status())}\n${worker.log.join('')}`, { cause: error });
      }
    },
    /** Waits until everything is done, and compares it with what an undisturbed run gives. */
    async finish(workers: readonly Worker[]) {
      try {
        await feedMore();
        await until('everything is done', 90, () => outputs.records.length >= fed);
        await Promise.all(workers.map((worker) => worker.close()));
      } finally {
        for (const worker of workers) worker.kill('SIGKILL');
      }
      await expectUndisturbed(bed, options, outputs);
    },
    transactions: () => transactionsOf(bed.cluster.nodes[0]!, options.output),
  };
}

type Prepared = Awaited<ReturnType<typeof prepare>>;

/** A step whose process is killed at the point of each of its lives in turn, while records come in, and then left alone. */
async function killedAt(name: string, points: readonly KillPoint[], padding = 0): Promise<Transactions> {
  const { start, feedUntil, finish, transactions } = await prepare(name, padding);
  for (const [life, point] of points.entries()) {
    const victim = start({ point, signal: 'SIGKILL', after: life === 0 ? 2 : 0 });
    await feedUntil(`life ${life} killed at "${point}"`, victim, () => victim.process.signalCode === 'SIGKILL');
  }
  await finish([start()]);
  return transactions();
}

/** A process that stops at a point until it is told to go on. */
async function stoppedAt({ start, feedUntil }: Prepared, point: KillPoint): Promise<Worker> {
  const worker = start({ point, signal: 'SIGSTOP', after: 2 });
  await feedUntil(`stopped at "${point}"`, worker, () => worker.log.join('').includes(INTERRUPTED));
  return worker;
}

test.concurrent('killed after reading, before anything of it is written', () => killedAt('read', ['read']));

test.concurrent('killed with a part of the results written: that part never shows', async () => {
  expect((await killedAt('amid', ['amid results'], LONG)).aborted).toBeGreaterThan(0);
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

test.concurrent('a transaction that a process left open holds readers until it times out, not for ever', async () => {
  const step = await prepare('open');
  const { outputs, transactions, start, finish } = step;
  const hung = await stoppedAt(step, 'before commit');
  expect(transactions().open).toBeGreaterThan(0);
  // Nobody takes over. A stranger's rows, in each partition, can be read when the broker has aborted what lies before them.
  const rows = Array.from({ length: PARTITIONS }, (_, partition) => ({ key: 'stranger', value: '', partition }));
  await send(bed, 'admin', step.output, rows);
  const isStrange = ({ key }: IncomingRecord) => key === 'stranger';
  await until('the readers go on', 40, () => outputs.records.filter(isStrange).length === PARTITIONS);
  expect(transactions()).toMatchObject({ open: 0, aborted: expect.toSatisfy((n: number) => n > 0) });
  for (let i = outputs.records.length; i-- > 0; ) if (isStrange(outputs.records[i]!)) outputs.records.splice(i, 1);
  hung.kill('SIGKILL');
  await finish([start()]);
});

test.concurrent.each([
  ['late-write', 'amid results', LONG],
  ['late-commit', 'before commit', 0],
] as const)(
  '%s: a process that wakes up when others have its partitions is refused (%s)',
  async (name, point, padding) => {
    const step = await prepare(name, padding);
    const { start, feedMore, outputs, finish, transactions } = step;
    const zombie = await stoppedAt(step, point);
    const heir = start();
    await shared([heir], 40);
    const before = outputs.records.length;
    await feedMore();
    await until('the heir goes on', 40, () => outputs.records.length > before);
    zombie.kill('SIGCONT');
    const answer = () => new RegExp(`${ANSWERED}(\\d+)`).exec(zombie.log.join(''))?.[1];
    await until('the zombie has its answer', 40, () => answer() !== undefined);
    expect(FENCED).toContain(Number(answer()));
    await finish([heir, zombie]);
    expect(transactions().aborted).toBeGreaterThan(0);
  },
);
