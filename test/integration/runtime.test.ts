import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTransactionalProducer } from '../../kafka/index.ts';
import { type RunningSteps, resetStep, runSteps, stateTopicOf } from '../../streams/runtime/index.ts';
import { type CountingOptions, countingStep } from '../support/counting.ts';
import { actualRows, disturbed, expectUndisturbed, prepareCounting } from '../support/counting-runs.ts';
import { collect, feed, openTestBed, PARTITIONS, type TestBed, until } from '../support/testbed.ts';

let bed: TestBed;
const log = { info() {}, warn() {}, error() {} };

beforeAll(async () => {
  bed = await openTestBed();
});
afterAll(() => bed?.close());

/** Runs the steps in this process while `meanwhile` lasts. */
async function running(steps: readonly CountingOptions[], meanwhile: (running: RunningSteps) => Promise<void>) {
  const run = runSteps(steps.map(countingStep), { kafka: bed.as('hub'), log });
  try {
    await meanwhile(run);
  } finally {
    await run.close();
  }
}

test('a step goes on where it was closed, with the state it had', async () => {
  const options = await prepareCounting(bed, 'goes-on');
  const outputs = await collect(bed, options.output);
  await feed(bed, options.input, 0, 1_000);
  await running([options], () => until('half done', 20, () => outputs.records.length >= 1_000));
  await feed(bed, options.input, 1_000, 1_000);
  await running([options], async (run) => {
    await until('all done', 20, () => outputs.records.length >= 2_000);
    const [status] = run.status();
    expect(status).toMatchObject({ step: 'goes-on', state: 'running' });
    expect(status!.tasks.map((t) => t.state)).toEqual(['running', 'running', 'running', 'running']);
    expect(status!.tasks.reduce((sum, t) => sum + t.events, 0)).toBe(1_000);
    await until('no lag', 5, () => run.status()[0]!.tasks.every((t) => t.lag === 0));
  });
  await expectUndisturbed(bed, options, outputs);
});

test('killed at random moments, it has counted every record once', async () => {
  const options = await prepareCounting(bed, 'killed', { commitEveryMs: 20 });
  // A backlog, so that commits begin by size too, and in the middle of a batch.
  await feed(bed, options.input, 0, 10_000, 50, 1_000);
  await disturbed(bed, options, async (start, outputs) => {
    for (let kills = 0; kills < 4; kills++) {
      const before = outputs.length;
      const worker = start();
      await until(`results after ${kills} kills`, 30, () => outputs.length > before);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 600));
      worker.kill('SIGKILL');
    }
    start();
  });
});

test('every single commit holds the state that belongs to its offsets', async () => {
  const options = await prepareCounting(bed, 'agreeing', { commitEveryMs: 5 });
  // Large enough that one slice of a batch fills a commit, which then begins in the middle of the batch.
  await feed(bed, options.input, 0, 12_000, 50, 5_000);
  const outputs = await collect(bed, options.output);
  await running([options], () => until('all done', 40, () => outputs.records.length >= 12_000));
  const log = await collect(bed, stateTopicOf(options));
  let commits = 0;
  for (const [partition, records] of Object.entries(Object.groupBy(await log.toEnd(), (r) => r.partition))) {
    const counts = new Map<string, number>();
    for (const record of records!) {
      const frame = JSON.parse(record.value!.toString());
      if (frame.kind !== 'delta') continue;
      for (const [key, { count }] of frame.changes) counts.set(key, count);
      const processed = [...counts.values()].reduce((sum, count) => sum + count, 0);
      expect(frame.offsets, `commit ${++commits} of partition ${partition}`).toEqual({ [options.input]: processed });
    }
  }
  expect(commits).toBeGreaterThan(PARTITIONS);
  await Promise.all([log.close(), outputs.close()]);
});

test('a state larger than a record, and many times rewritten, comes back whole', async () => {
  const options = await prepareCounting(bed, 'large', { padding: 4_000, commitEveryMs: 100 });
  const outputs = await collect(bed, options.output);
  const end = async () => (await bed.admin.offsets(stateTopicOf(options))).filter((o) => o.low > 0);
  for (let round = 0; round < 4; round++) {
    await feed(bed, options.input, round * 400, 400, 200);
    await running([options], () => until('done', 30, () => outputs.records.length >= (round + 1) * 400));
  }
  await running([options], async () => {
    let fed = 1_600;
    await until('the state log is shortened', 40, async () => {
      await feed(bed, options.input, fed, 400, 200);
      fed += 400;
      return (await end()).length === 4;
    });
    await until('all done', 20, () => outputs.records.length >= fed);
  });
  await running([options], async (run) => {
    await until('restored', 20, () => run.status()[0]!.tasks.filter((t) => t.state === 'running').length === 4);
    await feed(bed, options.input, 100_000, 400, 200);
    const { length } = outputs.records;
    await until('more', 20, () => outputs.records.length >= length + 400);
  });
  await expectUndisturbed(bed, options, outputs);
});

test('a new step reads its tables before its streams', async () => {
  const options = await prepareCounting(bed, 'enriched', { table: 'hub.enriched.table' });
  await feed(bed, options.input, 0, 200);
  const producer = await openTransactionalProducer(bed.as('hub'), { transactionalId: 'hub.test-table' });
  for (let i = 0; i < 50; i++) {
    await producer.commit([{ topic: options.table!, records: [{ key: `k${i}`, value: `label ${i}` }] }]);
  }
  await producer.close();
  const outputs = await collect(bed, options.output);
  await running([options], () => until('all done', 9, () => outputs.records.length >= 200));
  const rows = [...actualRows(await outputs.toEnd()).values()].flat();
  expect(rows.filter((row) => row.label !== `label ${row.key.slice(1)}`)).toEqual([]);
  await outputs.close();
});

test('a step whose definition changed is refused until it is reset; others go on', async () => {
  const changing = await prepareCounting(bed, 'changing');
  const steady = await prepareCounting(bed, 'steady');
  const outputs = await collect(bed, changing.output);
  const others = await collect(bed, steady.output);
  await feed(bed, changing.input, 0, 100);
  await running([changing], () => until('first definition done', 20, () => outputs.records.length >= 100));
  const changed = { ...changing, fingerprint: 'counting-2' };
  const refused: string[] = [];
  const run = runSteps([changed, steady].map(countingStep), {
    kafka: bed.as('hub'),
    log,
    onGivenUp: (error, step) => refused.push(`${step}: ${error.code}`),
  });
  await until('refused', 20, () => refused.length > 0);
  expect(refused).toEqual(['changing: STATE_OF_ANOTHER_DEFINITION']);
  await feed(bed, steady.input, 0, 100);
  await until('the other step works', 20, () => others.records.length >= 100);
  expect(run.status()[0]).toMatchObject({ state: 'failed', error: expect.stringContaining('--reset-step') });
  await expect(resetStep(countingStep(steady), bed.as('hub'))).rejects.toMatchObject({ code: 'STEP_RUNS' });
  await run.close();
  expect(outputs.records).toHaveLength(100);
  await resetStep(countingStep(changed), bed.as('hub'));
  await running([changed], () => until('all counted anew', 20, () => outputs.records.length >= 200));
  const counts = outputs.records.slice(100).map((r) => JSON.parse(r.value!.toString()).count);
  expect(counts.filter((count) => count === 1)).toHaveLength(50);
  await Promise.all([outputs.close(), others.close()]);
});

test('inputs with unequal partition counts are refused by name', async () => {
  const options = await prepareCounting(bed, 'unequal');
  await bed.createTopics(['hub.unequal.table'], 2);
  const errors: string[] = [];
  const run = runSteps([countingStep({ ...options, table: 'hub.unequal.table' })], {
    kafka: bed.as('hub'),
    log,
    onGivenUp: (error) => errors.push(error.message),
  });
  await until('refused', 20, () => errors.length > 0);
  await run.close();
  expect(errors[0]).toMatch(/hub\.unequal\.in has 4, hub\.unequal\.table has 2, hub\.unequal\.state has 4/);
});

test('topics that are missing are waited for', async () => {
  const options = { id: 'early', input: 'hub.early.in', output: 'hub.early.out' };
  await running([options], async (run) => {
    await until('said', 20, () => run.status()[0]!.error?.includes('hub.early.in') === true);
    await prepareCounting(bed, 'early');
    await until('running', 30, () => run.status()[0]!.tasks.filter((t) => t.state === 'running').length === 4);
    expect(run.status()[0]!.error).toBeUndefined();
  });
});
