import { HeadwaterError } from '../../contract/index.ts';
import type { KeyBy, Node, Plan, Terminal } from './plan.ts';

/** Where records leave a stage. */
export type End = { readonly input: Node; readonly end: Terminal } | { readonly input: Node; readonly end: KeyBy };

/** What happens between one change of key and the next: a part of the graph whose records stay in their partition. */
export interface Stage {
  /** Changes of key whose records it reads; empty for the one that only reads sources. */
  readonly keyBys: readonly KeyBy[];
  readonly sources: readonly (Node & { kind: 'source' })[];
  /** Inputs before what they feed. */
  readonly nodes: readonly Node[];
  readonly ends: readonly End[];
}

export function inputsOf(node: Node): readonly Node[] {
  switch (node.kind) {
    case 'source':
      return [];
    case 'merge':
      return node.inputs;
    case 'arm':
      return [node.branch];
    case 'join':
      return [node.left, node.right];
    default:
      return [node.input];
  }
}

/** All nodes that lead to the plans' ends, each once and after its inputs. */
export function nodesOf(plans: readonly Plan[]): Node[] {
  const nodes = new Set<Node>();
  const visit = (node: Node): void => {
    if (nodes.has(node)) return;
    for (const input of inputsOf(node)) visit(input);
    nodes.add(node);
  };
  for (const plan of plans) visit(plan.input);
  return [...nodes];
}

/** How the topics, changes of key and joins are called that feed a node: where its records enter its stage, or come together in it. */
export function entriesOf(node: Node): Node[] {
  if (node.kind === 'source' || node.kind === 'keyBy' || node.kind === 'join') return [node];
  return [...new Set(inputsOf(node).flatMap(entriesOf))];
}

/** Whether the values of a node are no longer those that entered the stage, so that they have to be encoded anew. */
export function isTouched(node: Node): boolean {
  if (node.kind === 'source' || node.kind === 'keyBy') return false;
  if (node.kind === 'join' || (node.kind === 'operator' && node.operator.kind !== 'filter')) return true;
  return inputsOf(node).some(isTouched);
}

/** The topic where a node's records come from in the first place; of several the first. */
export function originTopicOf(node: Node): string {
  return node.kind === 'source' ? node.source.topic.name : originTopicOf(inputsOf(node)[0]!);
}

/**
 * Cuts a job's graph at its changes of key. The stage without any comes first, then each after those it reads from.
 * @throws HeadwaterError `JOB_INVALID` where a stage would read what it writes
 */
export function stagesOf(plans: readonly Plan[], jobId: string): Stage[] {
  const nodes = nodesOf(plans);
  const keyBys = nodes.filter((node) => node.kind === 'keyBy');
  const ends: End[] = [...keyBys.map((end) => ({ input: end.input, end })), ...plans];
  const groups = new Groups<object>();
  /** Marks the stages without changes of key as one. */
  const first = {};
  const link = (consumer: object, input: Node): void => {
    if (input.kind !== 'source') groups.join(consumer, input);
  };
  // A change of key stands for its output; its input side is one of `ends`.
  for (const node of nodes) if (isInner(node)) for (const input of inputsOf(node)) link(node, input);
  for (const end of ends) link(end, end.input);
  const keyed = new Set(keyBys.map((keyBy) => groups.of(keyBy)));
  for (const one of [...nodes.filter(isInner), ...ends]) if (!keyed.has(groups.of(one))) groups.join(one, first);
  const stages = new Map<object, { keyBys: KeyBy[]; nodes: Node[]; ends: End[] }>();
  const stageOf = (one: object) => {
    const group = groups.of(one);
    const found = stages.get(group) ?? { keyBys: [], nodes: [], ends: [] };
    stages.set(group, found);
    return found;
  };
  for (const node of nodes) {
    if (isInner(node)) stageOf(node).nodes.push(node);
    if (node.kind === 'keyBy') stageOf(node).keyBys.push(node);
  }
  for (const end of ends) stageOf(end).ends.push(end);
  const all = [...stages.values()].map((stage) => ({ ...stage, sources: sourcesOf(stage.nodes, stage.ends) }));
  return sort(all, jobId);
}

function isInner(node: Node): boolean {
  return node.kind !== 'source' && node.kind !== 'keyBy';
}

function sourcesOf(nodes: readonly Node[], ends: readonly End[]): Stage['sources'] {
  const inputs = [...nodes.flatMap(inputsOf), ...ends.map((end) => end.input)];
  return [...new Set(inputs)].filter((node) => node.kind === 'source');
}

function sort(stages: readonly Stage[], jobId: string): Stage[] {
  const sorted = new Set<Stage>();
  const visit = (stage: Stage, path: readonly Stage[]): void => {
    if (sorted.has(stage)) return;
    if (path.includes(stage)) {
      const names = stage.keyBys.map((keyBy) => keyBy.name).join(', ');
      const message = `Job ${jobId}, keyBy(${names}): its records meet others from before the change of key, through operators that both share. Begin the other flow with a \`from\` of its own.`;
      throw new HeadwaterError('JOB_INVALID', message);
    }
    for (const keyBy of stage.keyBys) visit(stages.find((s) => s.ends.some((e) => e.end === keyBy))!, [...path, stage]);
    sorted.add(stage);
  };
  for (const stage of stages) visit(stage, []);
  return [...sorted];
}

/** Sets that grow together (union-find). */
class Groups<T extends object> {
  readonly #parents = new Map<T, T>();

  of(one: T): T {
    const parent = this.#parents.get(one);
    return parent === undefined ? one : this.of(parent);
  }

  join(a: T, b: T): void {
    const [x, y] = [this.of(a), this.of(b)];
    if (x !== y) this.#parents.set(x, y);
  }
}
