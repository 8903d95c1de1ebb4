import { HeadwaterError, PARTITIONS, TOPICS, type Topic } from '../../contract/index.ts';
import type { Expression } from './expressions.ts';
import type { Job, Operator, Plan, Source, Terminal } from './job.ts';
import { StepTask } from './step-task.ts';
import type { Step } from './task.ts';

/** What one step does: a piece of a job between two repartitions. */
export interface Segment {
  readonly id: string;
  /** Where it reads the job's sources. */
  readonly sources: Plan['heads'];
  /** Where it reads what the step before it repartitioned. */
  readonly internal: { readonly topic: string; readonly upstreamTasks: number } | null;
  readonly tables: readonly Topic[];
  readonly operators: readonly Operator[];
  readonly end: Terminal | Repartition;
  /** Whether the operators change values, so that they have to be encoded anew. */
  readonly touched: boolean;
  /** Whether watermarks are needed, here or downstream. */
  readonly timed: boolean;
  /** The topic that a late record is reported for. */
  readonly lateTopic: string;
}

interface Repartition {
  readonly kind: 'repartition';
  readonly topic: string;
  readonly partitions: number;
  readonly key: Expression;
}

/**
 * Makes a job's steps: one, and one more for each `keyBy`.
 * @throws HeadwaterError `JOB_INVALID`
 */
export function compile(job: Job): Step[] {
  check(job);
  const { plan, id } = job;
  const timed = plan.end.kind === 'windows';
  const lateTopic = plan.heads[0]!.source.topic.name;
  const segments: Segment[] = [];
  let at = {
    id,
    sources: plan.heads,
    internal: null as Segment['internal'],
    operators: [] as Operator[],
  };
  let tasks: number = PARTITIONS;
  const close = (end: Segment['end']) => {
    const all = [...at.sources.flatMap((head) => head.operators), ...at.operators];
    const tables = all.flatMap((operator) => (operator.kind === 'joinTable' ? [operator.topic] : []));
    const touched = all.some((operator) => operator.kind !== 'filter');
    segments.push({ ...at, tables: [...new Set(tables)], end, touched, timed, lateTopic });
  };
  for (const operator of plan.operators) {
    if (operator.kind !== 'keyBy') {
      at.operators.push(operator);
      continue;
    }
    const topic = `hub.${id}.by-${operator.name}`;
    close({ kind: 'repartition', topic, partitions: operator.partitions, key: operator.key });
    at = { id: `${id}.by-${operator.name}`, sources: [], internal: { topic, upstreamTasks: tasks }, operators: [] };
    tasks = operator.partitions;
  }
  close(plan.end);
  return segments.map((segment) => stepOf(segment, job.commitEveryMs));
}

function stepOf(segment: Segment, commitEveryMs: number): Step {
  const { id, end, internal } = segment;
  const streams = internal === null ? segment.sources.map(({ source }) => source.topic.name) : [internal.topic];
  const outputs = new Set([...outputsOf(end), TOPICS.deadLetters.name]);
  if (end.kind === 'windows') outputs.add(TOPICS.late.name);
  return {
    id,
    fingerprint: fingerprint(segment),
    streams,
    tables: segment.tables.map((topic) => topic.name),
    outputs: [...outputs],
    internal: end.kind === 'repartition' ? [{ name: end.topic, partitions: end.partitions }] : [],
    commitEveryMs,
    createTask: (partition) => new StepTask(segment, partition),
  };
}

function outputsOf(end: Segment['end']): string[] {
  switch (end.kind) {
    case 'windows':
      return end.sizes.map((size) => size.to.name);
    case 'process':
      return end.outputs.map((topic) => topic.name);
    case 'into':
      return [end.topic.name];
    case 'repartition':
      return [end.topic];
  }
}

/** What of a step decides how its state is to be read. */
function fingerprint({ end, tables, internal }: Segment): string {
  const layout =
    end.kind === 'windows'
      ? { by: end.by, sizes: end.sizes.map((size) => size.ms), select: end.select }
      : end.kind === 'process'
        ? { version: end.version, series: end.series }
        : {};
  const text = JSON.stringify([layout, tables.map((topic) => topic.name), internal]);
  // FNV-1a, 32 bits.
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return `1-${hash.toString(16).padStart(8, '0')}`;
}

function check({ id, plan }: Job): void {
  const invalid = (what: string) => new HeadwaterError('JOB_INVALID', `Job ${id}: ${what}`);
  const keyed = plan.operators.some((operator) => operator.kind === 'keyBy');
  const sources: readonly Source[] = plan.heads.map((head) => head.source);
  if (sources.length === 0) throw invalid('it reads nothing');
  for (const { topic } of sources) {
    if (topic.partitions !== PARTITIONS)
      throw invalid(`${topic.name} has ${topic.partitions} partitions, a source has ${PARTITIONS}`);
  }
  if (plan.heads.some((head) => head.operators.some((operator) => operator.kind === 'keyBy')))
    throw invalid('keyBy comes after merge, not before');
  const { end } = plan;
  if (end.kind !== 'windows' || keyed) return;
  if (sources.length > 1) throw invalid('windows over several topics need a keyBy');
  const origin = sources[0]!.origin;
  const by = Object.values(end.by).map((expression) => JSON.stringify(expression));
  if (origin !== null && !by.includes(JSON.stringify(origin)))
    throw invalid('a series belongs to one origin, so `by` must contain it');
}
