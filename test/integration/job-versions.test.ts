/** A job that changes between versions, over real Kafka: migrated where its state can still be read, refused with an explanation where it cannot. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Topic } from '../../contract/index.ts';
import {
  compile,
  count,
  field,
  from,
  gte,
  job,
  literal,
  max,
  type Step,
  sum,
  times,
} from '../../streams/core/index.ts';
import { runSteps, stateTopicOf } from '../../streams/runtime/index.ts';
import { collect, openTestBed, PARTITIONS, type TestBed, until } from '../support/testbed.ts';
import { type Measured, MINUTE, openSender, REFUSED, STILL, T0 } from '../support/windowing.ts';

let bed: TestBed;
const log = { info() {}, warn() {}, error() {} };
beforeAll(async () => {
  bed = await openTestBed();
});
afterAll(() => bed?.close());

const ID = 'versions';
const topic = (name: string): Topic => {
  return { name, key: '', partitions: PARTITIONS, cleanup: 'delete', retentionMs: -1, description: '' };
};
const INPUT = topic(`hub.${ID}.in`);
const OUTPUT = topic(`hub.${ID}.out`);
const source = from<Measured>(INPUT, { trusted: true });
const windows = {
  by: { series: field('series') },
  sizes: [{ ms: MINUTE, to: OUTPUT }],
  select: { count: count(), max: max(field('v')) },
};

function stepOf(plan: Parameters<typeof job>[1]): Step {
  return compile(job(ID, plan, { commitEveryMs: 30 }))[0]!;
}

const at = (second: number, v: number): Measured => ({
  series: 's',
  gateway: 'gw',
  site: 'roof',
  ts: T0 + second * 1_000,
  v,
});

test('a job that changed goes on with its state where that can be read, and is refused and told of where not', async () => {
  const first = stepOf(source.windows(windows));
  const compatible = stepOf(
    source
      .filter(gte(field('v'), literal(0)))
      .windows({ ...windows, graceMs: 5 * MINUTE, derive: { twice: times(field('max'), literal(2)) } }),
  );
  const incompatible = stepOf(source.windows({ ...windows, select: { count: count(), sum: sum(field('v')) } }));
  await bed.createTopics([INPUT.name, stateTopicOf(first), ...REFUSED]);
  await bed.createTopics([OUTPUT.name], 1);
  const sender = await openSender(bed, INPUT.name);
  const outputs = await collect(bed, OUTPUT.name);
  const refused: string[] = [];
  const running = async (step: Step, body: (run: ReturnType<typeof runSteps>) => Promise<void>) => {
    const onGivenUp = ({ code, message }: { code: string; message: string }) => refused.push(`${code}: ${message}`);
    const run = runSteps([step], { kafka: bed.as('hub'), log, clock: STILL, onGivenUp });
    await body(run);
    await run.close();
  };
  const processed = (run: ReturnType<typeof runSteps>, records: number) =>
    until('all is processed', 30, () => run.status()[0]!.tasks[0]?.positions[INPUT.name] === records);

  await running(first, async (run) => {
    await sender.send(at(1, 3), at(2, 4));
    await processed(run, 2);
  });
  await running(compatible, async (run) => {
    await sender.send(at(3, -1), at(4, 9));
    await processed(run, 4);
  });

  await running(incompatible, () => until('refused', 30, () => refused.length > 0));
  expect(refused.join()).toMatch(/STATE_OF_ANOTHER_DEFINITION.*another definition.*new id.*--reset-step/);
  expect(outputs.records).toEqual([]);

  // What was refused has touched nothing.
  await running(compatible, async () => {
    await sender.send(at(70, 1));
    await until('the window is out', 30, () => outputs.records.length > 0);
  });
  const rows = outputs.records.map(({ value }) => JSON.parse(value!.toString()));
  expect(rows).toEqual([expect.objectContaining({ series: 's', windowStart: T0, count: 3, max: 9, twice: 18 })]);
  await Promise.all([sender.close(), outputs.close()]);
});
