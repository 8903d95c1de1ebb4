import { afterAll, beforeAll, expect, test } from 'vitest';
import { runSteps, stateTopicOf } from '../../streams/runtime/index.ts';
import { expectUndisturbed, startWorker } from '../support/counting-runs.ts';
import { collect, openTestBed, type TestBed, until } from '../support/testbed.ts';
import {
  type Measured,
  MINUTE,
  openSender,
  REFUSED,
  STILL,
  T0,
  type WindowingOptions,
  windowingSteps,
} from '../support/windowing.ts';

let bed: TestBed;
const log = { info() {}, warn() {}, error() {} };
beforeAll(async () => {
  bed = await openTestBed();
});
afterAll(() => bed?.close());

async function prepare(name: string): Promise<WindowingOptions> {
  const options = { kind: 'windowing', id: name, input: `hub.${name}.in`, output: `hub.${name}.out` } as const;
  await bed.createTopics([options.input, stateTopicOf(options), ...REFUSED]);
  // One partition, as of the input only one is used.
  await bed.createTopics([options.output], 1);
  return options;
}

const of = (series: string, gateway = 'gw') => ({ series, gateway, site: 'roof' });
/** One record of each of many series, all in the first minute; of every `closeEach`th series the gateway goes on, and so closes its windows. */
const oneEach = (series: number, closeEach = 1): Measured[] =>
  Array.from({ length: series }, (_, i) => {
    return { ...of(`s${i}`, i % closeEach === 0 ? 'gw' : 'gw-silent'), ts: T0 + (i % 50_000), v: i };
  });
/** Closes the first minute. */
const closing: Measured = { ...of('last'), ts: T0 + 2 * MINUTE, v: 0 };

interface Frame {
  readonly kind: 'open' | 'delta' | 'snapshot';
  readonly first?: boolean;
  readonly last?: boolean;
  readonly bytes: number;
}

/** The frames of a state log; `largest` is the size of its largest record. */
async function framesOf(options: WindowingOptions): Promise<{ frames: Frame[]; largest: number }> {
  const log = await collect(bed, stateTopicOf(options));
  const records = (await log.toEnd()).filter(({ partition }) => partition === 0).sort((a, b) => a.offset - b.offset);
  await log.close();
  const frames: Frame[] = [];
  let parts: Buffer[] = [];
  for (const { value, headers } of records) {
    const [number, count] = (headers.part ?? '1/1').split('/');
    parts = number === '1' ? [value!] : [...parts, value!];
    if (number !== count) continue;
    const bytes = Buffer.concat(parts);
    frames.push({ ...(JSON.parse(bytes.toString()) as Frame), bytes: bytes.length });
  }
  return { frames, largest: Math.max(...records.map(({ value }) => value!.length)) };
}

const SERIES = 100_000;
const CLOSE_EACH = 20;
/** The largest record that the state topic may hold. */
const RECORD = 512 * 1_024;

test('with 100,000 open series a checkpoint holds what changed, and a snapshot comes in pieces', async () => {
  const options = await prepare('many-series');
  const sender = await openSender(bed, options.input);
  await sender.send(...oneEach(SERIES, CLOSE_EACH));
  const run = () => runSteps(windowingSteps(options), { kafka: bed.as('hub'), log, clock: STILL });
  const processed = (running: ReturnType<typeof run>) => running.status()[0]!.tasks[0]?.positions[options.input] ?? 0;
  const first = run();
  await until('all series are open', 90, () => processed(first) >= SERIES);
  const isShort = async () => (await bed.admin.offsets(stateTopicOf(options)))[0]!.low > 0;
  let fed = 0;
  await until('a snapshot is whole, and what lies before it is gone', 90, async () => {
    if (await isShort()) return true;
    await sender.send({ ...of(`s${CLOSE_EACH * fed++}`), ts: T0 + MINUTE - 1, v: 1 });
    return false;
  });
  await first.close();
  const { frames, largest } = await framesOf(options);
  const pieces = frames.filter(({ kind }) => kind === 'snapshot');
  const whole = pieces.reduce((sum, { bytes }) => sum + bytes, 0);
  expect(largest).toBeLessThanOrEqual(RECORD);
  expect(whole).toBeGreaterThan(SERIES * 50);
  expect(pieces.length).toBeGreaterThan(5);
  expect(Math.max(...pieces.map(({ bytes }) => bytes))).toBeLessThan(whole / 5);
  // One record changes one window.
  const small = frames.filter(({ kind }) => kind === 'delta').slice(-3);
  expect(Math.max(...small.map(({ bytes }) => bytes))).toBeLessThan(1_000);

  const outputs = await collect(bed, options.output);
  const second = run();
  await sender.send(closing);
  await sender.close();
  await until('all windows that close are out', 60, () => outputs.records.length >= SERIES / CLOSE_EACH);
  await second.close();
  await expectUndisturbed(bed, options, outputs);
});

test('more results than one request may carry come out of one transaction, or none of them', async () => {
  const options = await prepare('large-close');
  const outputs = await collect(bed, options.output);
  const series = 20_000;
  const sender = await openSender(bed, options.input);
  await sender.send(...oneEach(series), closing);
  await sender.close();
  const interruption = { point: 'amid results', signal: 'SIGKILL', results: options.output, after: 0 } as const;
  const victim = startWorker(bed, options, interruption);
  await until('it was killed amid its results', 60, () => victim.process.signalCode === 'SIGKILL');
  const heir = startWorker(bed, options);
  try {
    await until('everything is out', 60, () => outputs.records.length >= series);
    await heir.close();
  } finally {
    heir.kill('SIGKILL');
  }
  await expectUndisturbed(bed, options, outputs);
});
