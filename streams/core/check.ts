import { HeadwaterError, PARTITIONS, type Topic } from '../../contract/index.ts';
import { entriesOf, inputsOf, nodesOf } from './graph.ts';
import type { Job } from './job.ts';
import type { Node, Plan, WindowSize, WindowsTo } from './plan.ts';
import { COUNTERS } from './top.ts';

type Problem = (operator: string, what: string) => HeadwaterError;

/** @throws HeadwaterError `JOB_INVALID`, which names the job and the operator */
export function check({ id, plans }: Job): void {
  const problem: Problem = (operator, what) => new HeadwaterError('JOB_INVALID', `Job ${id}, ${operator}: ${what}`);
  if (plans.length === 0) throw problem('job', 'it has no plan, so it does nothing');
  const nodes = nodesOf(plans);
  const names = new Set<string>();
  for (const node of nodes) {
    if (node.kind === 'merge' && node.inputs.length === 0) throw problem('merge', 'it reads nothing');
    if (node.kind === 'source' && node.source.topic.partitions !== PARTITIONS) {
      const { name, partitions } = node.source.topic;
      throw problem(`from(${name})`, `${name} has ${partitions} partitions, a source has ${PARTITIONS}`);
    }
    if (node.kind === 'keyBy') {
      if (names.has(node.name)) throw problem(`keyBy(${node.name})`, 'another keyBy of the job has this name');
      names.add(node.name);
      if (!isWhole(node.partitions, 1)) throw problem(`keyBy(${node.name})`, `it has ${node.partitions} partitions`);
    }
    if (node.kind === 'operator' && node.operator.kind === 'joinTable') checkTable(node, node.operator, problem);
    if (node.kind === 'join') checkJoin(node, problem);
  }
  for (const { input, end } of plans) if (end.kind === 'windows') checkWindows(input, end, problem);
  for (const plan of plans) {
    const read = nodesOf([plan]).flatMap((node) => (node.kind === 'source' ? [node.source.topic.name] : []));
    const loop = writtenBy(plan).find((name) => read.includes(name));
    if (loop !== undefined) throw problem(`from(${loop})`, 'it would read what it writes there, without end');
  }
}

function writtenBy({ end }: Plan): string[] {
  if (end.kind === 'windows') return end.sizes.map(({ to }) => to.name);
  return end.kind === 'into' ? [end.topic.name] : end.outputs.map(({ name }) => name);
}

/** What is known of how the records of a node are spread over partitions. */
function keysOf(node: Node): { readonly partitions: number; readonly key: string | undefined; readonly by: string }[] {
  return entriesOf(node).flatMap((entry) => {
    if (entry.kind === 'join') return inputsOf(entry).flatMap(keysOf);
    if (entry.kind === 'source') {
      const { name, key, partitions } = entry.source.topic;
      return [{ partitions, key, by: name }];
    }
    if (entry.kind === 'keyBy') return [{ partitions: entry.partitions, key: undefined, by: `keyBy(${entry.name})` }];
    return [];
  });
}

/** @throws where two inputs do not have the same keys in the same partitions */
function checkTogether(all: ReturnType<typeof keysOf>, operator: string, problem: Problem): void {
  const [one, ...others] = all;
  for (const other of others) {
    if (one!.partitions !== other.partitions) {
      const counts = `${one!.by} has ${one!.partitions} partitions, ${other.by} ${other.partitions}`;
      throw problem(operator, `${counts}: records of a key would not meet. Give both the same number`);
    }
    if (one!.key !== undefined && other.key !== undefined && one!.key !== other.key) {
      const keys = `${one!.by} is keyed by ${one!.key}, ${other.by} by ${other.key}`;
      throw problem(operator, `${keys}: records that belong together would not meet. Put a keyBy before it`);
    }
  }
}

function checkTable(
  node: Node,
  { topic, historyMs }: { readonly topic: Topic; readonly historyMs: number },
  problem: Problem,
): void {
  const operator = `joinTable(${topic.name})`;
  const { name, key, partitions, cleanup, minCompactionLagMs = 0 } = topic;
  if (cleanup !== 'compact') throw problem(operator, `${name} is not compacted, so it is no table`);
  if (!(historyMs >= 0 && historyMs <= minCompactionLagMs)) {
    const kept = `${name} keeps replaced rows from compaction for ${minCompactionLagMs} ms`;
    throw problem(operator, `historyMs is ${historyMs}, but ${kept} (minCompactionLagMs in the topic catalogue)`);
  }
  checkTogether([...inputsOf(node).flatMap(keysOf), { partitions, key, by: name }], operator, problem);
}

function checkJoin(node: Node & { kind: 'join' }, problem: Problem): void {
  const operator = `join(${node.as.join(', ')})`;
  if (node.as[0] === node.as[1]) throw problem(operator, 'both sides have the same column');
  for (const name of ['beforeMs', 'afterMs', 'graceMs'] as const)
    if (!isWhole(node[name], 0)) throw problem(operator, `${name} is ${node[name]}; it is a number of ms from 0`);
  checkTogether([...keysOf(node.left), ...keysOf(node.right)], operator, problem);
}

function checkWindows(input: Node, end: WindowsTo, problem: Problem): void {
  const operator = `windows(${Object.keys(end.by).join(', ')})`;
  if (end.sizes.length === 0) throw problem(operator, '`sizes` is empty');
  for (const size of end.sizes) checkSize(size, operator, problem);
  const topics = end.sizes.map((size) => size.to.name);
  if (new Set(topics).size < topics.length)
    throw problem(operator, 'two sizes go to one topic, where their results could not be told apart');
  for (const [name, aggregate] of Object.entries(end.select)) {
    if (aggregate.fn === 'quantile' && !(aggregate.q >= 0 && aggregate.q <= 1))
      throw problem(operator, `the quantile ${name} is ${aggregate.q}; it is from 0 to 1`);
    if (aggregate.fn === 'top' && !(isWhole(aggregate.k, 1) && aggregate.k <= COUNTERS))
      throw problem(operator, `${name} is the top ${aggregate.k}; it is from 1 to ${COUNTERS}`);
  }
  for (const name of ['graceMs', 'rememberMs'] as const)
    if (!isWhole(end[name], 0)) throw problem(operator, `${name} is ${end[name]}; it is a number of ms from 0`);
  if (end.rememberMs < end.graceMs) throw problem(operator, 'rememberMs is less than graceMs');
  const early = end.emit?.earlyEveryMs;
  if (early !== undefined && !isWhole(early, 1))
    throw problem(operator, `earlyEveryMs is ${early}; it is 1 ms or more`);
  const entries = entriesOf(input);
  if (entries.length > 1) throw problem(operator, 'windows over several inputs need a keyBy, where their times meet');
  const [entry] = entries;
  const origin = entry!.kind === 'source' ? entry!.source.origin : null;
  const by = Object.values(end.by).map((expression) => JSON.stringify(expression));
  if (origin !== null && !by.includes(JSON.stringify(origin)))
    throw problem(operator, 'a series belongs to one origin, so `by` must contain it');
}

function checkSize(size: WindowSize, operator: string, problem: Problem): void {
  if ('gapMs' in size) {
    if (!isWhole(size.gapMs, 1)) throw problem(operator, `gapMs is ${size.gapMs}; it is 1 ms or more`);
    return;
  }
  const { ms, advanceMs = ms } = size;
  if (!isWhole(ms, 1)) throw problem(operator, `ms is ${ms}; it is 1 ms or more`);
  if (!isWhole(advanceMs, 1) || ms % advanceMs !== 0)
    throw problem(operator, `ms (${ms}) is no multiple of advanceMs (${advanceMs})`);
}

function isWhole(number: number, least: number): boolean {
  return Number.isInteger(number) && number >= least;
}
