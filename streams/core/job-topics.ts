import type { Topic } from '../../contract/index.ts';
import { nodesOf } from './graph.ts';
import type { Job } from './job.ts';

/** Where windows of a job go. */
export interface WindowTopic {
  readonly topic: Topic;
  /** Columns that say which series a row belongs to. */
  readonly by: readonly string[];
  /** Length of the windows; null for sessions. */
  readonly ms: number | null;
}

/** What a job reads and writes, apart from its internal topics, `late` and `dead-letters`; a topic used twice stands there twice. */
export interface JobTopics {
  readonly read: readonly Topic[];
  readonly written: readonly Topic[];
  readonly windows: readonly WindowTopic[];
}

export function topicsOf({ plans }: Job): JobTopics {
  const read = nodesOf(plans).flatMap((node) => {
    if (node.kind === 'source') return [node.source.topic];
    return node.kind === 'operator' && node.operator.kind === 'joinTable' ? [node.operator.topic] : [];
  });
  const windows = plans.flatMap(({ end }) => {
    if (end.kind !== 'windows') return [];
    const by = Object.keys(end.by);
    return end.sizes.map((size) => ({ topic: size.to, by, ms: 'ms' in size ? size.ms : null }));
  });
  const others = plans.flatMap(({ end }) => {
    if (end.kind === 'process') return end.outputs;
    return end.kind === 'into' ? [end.topic] : [];
  });
  return { read, written: [...windows.map(({ topic }) => topic), ...others], windows };
}
