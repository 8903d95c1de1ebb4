import { HeadwaterError, PARTITIONS, TOPICS, type Topic } from '../../contract/index.ts';
import { check } from './check.ts';
import type { Expression } from './expressions.ts';
import { isTouched, originTopicOf, type Stage, stagesOf } from './graph.ts';
import type { Job } from './job.ts';
import type { KeyBy, Node, Terminal, WindowSize } from './plan.ts';
import { StepTask } from './step-task.ts';
import type { Step } from './task.ts';

/** What one step does: a stage of a job's graph, with its names. */
export interface Segment {
  readonly id: string;
  /** Where it reads the job's sources. */
  readonly sources: Stage['sources'];
  /** Where it reads what steps before it repartitioned. */
  readonly internals: readonly Internal[];
  readonly tables: readonly Table[];
  readonly nodes: readonly Node[];
  readonly ends: readonly SegmentEnd[];
  /** Whether watermarks are needed, here or downstream. */
  readonly timed: boolean;
}

export interface Internal {
  readonly topic: string;
  readonly upstreamTasks: number;
  readonly node: KeyBy;
}

/** A compacted topic, and for how long a replaced row of it is remembered. */
export interface Table {
  readonly topic: Topic;
  readonly historyMs: number;
}

export interface SegmentEnd {
  readonly input: Node;
  readonly end: Terminal | Repartition;
  /** Whether the operators change values, so that they have to be encoded anew. */
  readonly touched: boolean;
  /** The topic that a late record is reported for. */
  readonly lateTopic: string;
}

export interface Repartition {
  readonly kind: 'repartition';
  readonly topic: string;
  readonly partitions: number;
  readonly key: Expression;
}

/**
 * Makes a job's steps: one for what happens before any `keyBy`, and one more for what follows each.
 * @throws HeadwaterError `JOB_INVALID`
 */
export function compile(job: Job): Step[] {
  check(job);
  const { id, plans, commitEveryMs } = job;
  const stages = stagesOf(plans, id);
  const timed =
    plans.some((plan) => plan.end.kind === 'windows') || stages.some((s) => s.nodes.some((n) => n.kind === 'join'));
  const topicOf = ({ name }: KeyBy) => `hub.${id}.by-${name}`;
  const tasksOf = (stage: Stage) => stage.keyBys[0]?.partitions ?? PARTITIONS;
  return stages.map((stage) => {
    const internals = stage.keyBys.map((node) => {
      const upstream = stages.find(({ ends }) => ends.some(({ end }) => end === node))!;
      return { topic: topicOf(node), upstreamTasks: tasksOf(upstream), node };
    });
    const ends = stage.ends.map(({ input, end }): SegmentEnd => {
      const about = { input, touched: isTouched(input), lateTopic: originTopicOf(input) };
      if (end.kind !== 'keyBy') return { ...about, end };
      return {
        ...about,
        end: { kind: 'repartition', topic: topicOf(end), partitions: end.partitions, key: end.key },
      };
    });
    const { nodes, sources } = stage;
    checkReads(id, stage);
    const stepId = stage.keyBys.length === 0 ? id : `${id}.by-${stage.keyBys[0]!.name}`;
    return stepOf({ id: stepId, sources, internals, tables: tablesOf(nodes), nodes, ends, timed }, commitEveryMs);
  });
}

/** @throws HeadwaterError `JOB_INVALID` where a step reads a topic as two sources, or as source and table */
function checkReads(jobId: string, { sources, nodes }: Stage): void {
  const names = [...sources.map(({ source }) => source.topic.name), ...tablesOf(nodes).map(({ topic }) => topic.name)];
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice === undefined) return;
  const message = `Job ${jobId}, from(${twice}): a step reads it twice. Declare it once and use that flow wherever it is needed.`;
  throw new HeadwaterError('JOB_INVALID', message);
}

function tablesOf(nodes: readonly Node[]): Table[] {
  const tables = new Map<string, Table>();
  for (const node of nodes) {
    if (node.kind !== 'operator' || node.operator.kind !== 'joinTable') continue;
    const { topic, historyMs } = node.operator;
    const known = tables.get(topic.name)?.historyMs ?? 0;
    tables.set(topic.name, { topic, historyMs: Math.max(known, historyMs) });
  }
  return [...tables.values()];
}

function stepOf(segment: Segment, commitEveryMs: number): Step {
  const { id, ends, internals, sources } = segment;
  const outputs = new Set([...ends.flatMap(({ end }) => outputsOf(end)), TOPICS.deadLetters.name]);
  if (canBeLate(segment)) outputs.add(TOPICS.late.name);
  return {
    id,
    fingerprint: fingerprint(segment),
    streams: [...internals.map(({ topic }) => topic), ...sources.map(({ source }) => source.topic.name)],
    tables: segment.tables.map(({ topic }) => topic.name),
    outputs: [...outputs],
    internal: ends.flatMap(({ end }) =>
      end.kind === 'repartition' ? [{ name: end.topic, partitions: end.partitions }] : [],
    ),
    commitEveryMs,
    createTask: (partition) => new StepTask(segment, partition),
  };
}

function canBeLate({ ends, nodes }: Segment): boolean {
  return ends.some(({ end }) => end.kind === 'windows') || nodes.some((node) => node.kind === 'join');
}

function outputsOf(end: SegmentEnd['end']): string[] {
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

/** What of a step decides how its state is to be read. A part that most steps do not have adds nothing to the fingerprint of those. */
function fingerprint({ ends, tables, internals, nodes, sources }: Segment): string {
  const [layout = {}, ...others] = ends.flatMap(({ end }) => layoutOf(end));
  const joins = nodes.flatMap((node) =>
    node.kind === 'join' ? [{ join: node.type, sources: sources.map(({ source }) => source.topic.name) }] : [],
  );
  const [internal = null, ...more] = internals.map(({ topic, upstreamTasks }) => ({ topic, upstreamTasks }));
  const parts = [layout, tables.map(({ topic }) => topic.name), internal, ...others, ...more, ...joins];
  const text = JSON.stringify(parts);
  // FNV-1a, 32 bits.
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return `1-${hash.toString(16).padStart(8, '0')}`;
}

function layoutOf(end: SegmentEnd['end']): object[] {
  if (end.kind === 'process') return [{ version: end.version, series: end.series }];
  if (end.kind !== 'windows') return [];
  return [{ by: end.by, sizes: end.sizes.map(layoutOfSize), select: end.select }];
}

function layoutOfSize(size: WindowSize): unknown {
  if ('gapMs' in size) return { gapMs: size.gapMs };
  const { ms, advanceMs = ms } = size;
  return advanceMs === ms ? ms : { ms, advanceMs };
}
