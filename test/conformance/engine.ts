import { type Late, TOPICS, type Topic } from '../../contract/index.ts';
import {
  compile,
  count,
  distinct,
  field,
  first,
  from,
  gt,
  job,
  last,
  max,
  maxDecimal,
  mean,
  min,
  quantile,
  range,
  type Step,
  share,
  sum,
  sumDecimal,
  top,
  variance,
  type WindowSize,
} from '../../streams/core/index.ts';
import { type Clock, runSteps, stateTopicOf, systemClock } from '../../streams/runtime/index.ts';
import { Lives } from '../../streams/testing/index.ts';
import { collect, PARTITIONS, type TestBed, until } from '../support/testbed.ts';
import { byPartition } from './inputs.ts';
import { END, type Input, jsonOf, type Topics, type Topology } from './reference.ts';

/** What our engine put out. */
export interface Outcome<Row> {
  readonly rows: readonly Row[];
  readonly late: readonly Late[];
}

const DAY = 86_400_000;
/** The disorder of a source is 0 here, so that its watermark is the latest time seen, as in Kafka Streams, and the grace is all there is. */
const SOURCE = { trusted: true, outOfOrderMs: 0 } as const;
/** After every generated record. */
const APPENDED_AT = Date.UTC(2026, 0, 1);
/** Time stands still: an input that has been read to its end is not taken for silent before the rest of it is there. */
const STILL: Clock = { now: () => APPENDED_AT, after: systemClock.after };
const log = { info() {}, warn() {}, error() {} };

const topic = (name: string, more: Partial<Topic> = {}): Topic => ({
  ...{ name, key: 'key', partitions: PARTITIONS, cleanup: 'delete', retentionMs: -1, description: '' },
  ...more,
});

/** The declaration that is to give what Kafka Streams gives. */
export function stepsOf(topology: Topology, { left, right, ours }: Topics, earlyEveryMs?: number): Step[] {
  const id = ours.replace(/^hub\./, '').replaceAll('.', '-');
  const source = from<{ key: string; v: number }>(topic(left), SOURCE);
  const to = topic(ours);
  switch (topology.topology) {
    case 'table': {
      const table = topic(right, { cleanup: 'compact', minCompactionLagMs: DAY });
      return compile(job(id, source.joinTable(table, 'row', { historyMs: topology.history }).into(to)));
    }
    case 'inner':
    case 'left':
    case 'outer': {
      const { within, after = within, grace: graceMs, topology: type } = topology;
      const reach = { beforeMs: within, afterMs: after, graceMs };
      const joined = source.join(from(topic(right), SOURCE), { as: ['left', 'right'], type, ...reach });
      return compile(job(id, joined.into(to)));
    }
    default: {
      const v = field('v');
      const amount = field('amount');
      const isRekeyed = topology.topology === 'rekeyed';
      const plan = (isRekeyed ? source.keyBy('group', field('group')) : source).windows({
        by: { key: field(isRekeyed ? 'group' : 'key') },
        sizes: [sizeOf(topology, to)],
        select: {
          ...{ count: count(), sum: sum(v), mean: mean(v), min: min(v), max: max(v) },
          ...{ variance: variance(v), first: first(v), last: last(v), range: range(v), share: share(gt(v, 0)) },
          ...{ total: sumDecimal(amount), most: maxDecimal(amount) },
          ...{ different: distinct(v), p50: quantile(v, 0.5), p90: quantile(v, 0.9), often: top(v, 3) },
        },
        graceMs: topology.grace,
        rememberMs: topology.remember ?? topology.grace,
        ...(earlyEveryMs !== undefined && { emit: { earlyEveryMs } }),
      });
      return compile(job(id, plan));
    }
  }
}

/** Of one that is a single step. */
export function stepOf(topology: Topology, topics: Topics, earlyEveryMs?: number): Step {
  return stepsOf(topology, topics, earlyEveryMs)[0]!;
}

function sizeOf(
  topology: Topology & { topology: 'tumbling' | 'hopping' | 'session' | 'rekeyed' },
  to: Topic,
): WindowSize {
  if (topology.topology === 'session') return { gapMs: topology.gap, to };
  return { ms: topology.size, to, ...(topology.topology === 'hopping' && { advanceMs: topology.advance }) };
}

/** Every partition on its own, without Kafka; each task dies after every `everyDeath` records, and another goes on. */
export function inLives<Row>(
  step: Step,
  topics: Topics,
  inputs: readonly Input[],
  everyDeath = Infinity,
): Outcome<Row> {
  const rows: Row[] = [];
  const late: Late[] = [];
  for (const [partition, mine] of byPartition(inputs)) {
    const lives = new Lives(step);
    for (const [n, input] of mine.entries()) {
      if (n % everyDeath === everyDeath - 1) lives.restart(n % 2 === 0);
      const { key, side } = input;
      lives.process(topics[side], jsonOf(input), { key, partition, appendedAt: input.appendedAt ?? APPENDED_AT });
    }
    const out = lives.takeAll();
    if (out.has(TOPICS.deadLetters.name)) throw new Error(`refused: ${JSON.stringify(out.get('dead-letters'))}`);
    rows.push(...((out.get(topics.ours) ?? []) as Row[]));
    late.push(...((out.get(TOPICS.late.name) ?? []) as Late[]));
  }
  return { rows, late };
}

/**
 * Over Kafka, exactly once; after each portion of the input the steps are closed, and go on with the next. The last portion holds the records that close
 * every window, of so many keys as `ends`.
 */
export async function inRuntime<Row>(
  bed: TestBed,
  steps: readonly Step[],
  topics: Topics,
  portions: readonly (() => Promise<void>)[],
  ends = PARTITIONS,
): Promise<Outcome<Row>> {
  await bed.createTopics(steps.flatMap((step) => [stateTopicOf(step), ...step.internal.map(({ name }) => name)]));
  const [out, late] = await Promise.all([collect(bed, topics.ours), collect(bed, TOPICS.late.name)]);
  try {
    for (const [n, feed] of portions.entries()) {
      await feed();
      const running = runSteps(steps, { kafka: bed.as('hub'), log, clock: STILL });
      const read = () => running.status()[0]!.tasks.filter(({ state, lag }) => state === 'running' && lag === 0);
      const ended = () => out.records.filter(({ value }) => value!.includes(END)).map(({ key }) => key);
      const isDone = () => (n < portions.length - 1 ? read().length === PARTITIONS : new Set(ended()).size === ends);
      try {
        await until('our engine has read everything', 60, isDone);
      } finally {
        await running.close();
      }
    }
    const rows = (await out.toEnd()).map(({ value }) => JSON.parse(value!.toString()) as Row);
    const all = (await late.toEnd()).map(({ value }) => JSON.parse(value!.toString()) as Late);
    return { rows, late: all.filter((one) => steps.some(({ id }) => id === one.step)) };
  } finally {
    await Promise.all([out.close(), late.close()]);
  }
}

/** The input that a late record was. */
export function lateId({ bytes }: Late): number {
  return (JSON.parse(Buffer.from(bytes, 'base64').toString()) as Input).id;
}
