import { HeadwaterError } from '../../contract/index.ts';
import type { StepContext } from './context.ts';

/**
 * Makes sure that every topic a step reads or writes exists, and that those it reads and its state have equal partition counts.
 * @throws HeadwaterError `TOPICS_MISSING` (retryable: they may come), `PARTITIONS_DIFFER`, `KAFKA_…`
 */
export async function checkTopics({ step, stateTopic, admin }: StepContext): Promise<void> {
  const existing = new Map((await admin.use((a) => a.topics())).map((topic) => [topic.name, topic.partitions]));
  const read = [...step.streams, ...step.tables, stateTopic];
  const missing = [...new Set([...read, ...step.outputs])].filter((topic) => !existing.has(topic));
  if (missing.length > 0) {
    const message = `step ${step.id} needs topics that do not exist or may not be seen by its user: ${missing.join(', ')}. Create them with: headwater topics apply`;
    throw new HeadwaterError('TOPICS_MISSING', message, { retryable: true });
  }
  if (new Set(read.map((topic) => existing.get(topic))).size > 1) {
    const counts = read.map((topic) => `${topic} has ${existing.get(topic)}`).join(', ');
    const message = `step ${step.id} joins its inputs partition by partition, so they and its state need the same number of partitions: ${counts}`;
    throw new HeadwaterError('PARTITIONS_DIFFER', message);
  }
  for (const { name, partitions } of step.internal) {
    if (existing.get(name) === partitions) continue;
    const message = `step ${step.id} writes ${name} with ${partitions} partitions, but it has ${existing.get(name)}`;
    throw new HeadwaterError('PARTITIONS_DIFFER', message);
  }
}
