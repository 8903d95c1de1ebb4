import { expect, test } from 'vitest';
import { ALL_TOPICS, RIGHTS } from '../../contract/index.ts';
import { internalTopics, steps } from './index.ts';

test('every topic that a step touches is in the catalogue or its own', () => {
  const known = new Set([...ALL_TOPICS, ...internalTopics()].map((topic) => topic.name));
  for (const step of steps()) {
    for (const topic of [...step.streams, ...step.tables, ...step.outputs]) expect(known, step.id).toContain(topic);
    expect(known).toContain(`hub.${step.id}.state`);
  }
});

test('the topics that a step reads have as many partitions as its state', () => {
  const partitions = new Map([...ALL_TOPICS, ...internalTopics()].map((topic) => [topic.name, topic.partitions]));
  for (const step of steps()) {
    const tasks = partitions.get(`hub.${step.id}.state`);
    for (const topic of [...step.streams, ...step.tables])
      expect(partitions.get(topic), `${step.id}: ${topic}`).toBe(tasks);
  }
});

test('steps have names of their own, and the hub the rights for what they read and write', () => {
  const ids = steps().map((step) => step.id);
  expect(new Set(ids).size).toBe(ids.length);
  const may = (operation: 'read' | 'write', topic: string) =>
    RIGHTS.hub.some(
      (right) =>
        right.resource === 'topic' &&
        right.operations.includes(operation) &&
        (right.pattern === 'prefixed' ? topic.startsWith(right.name) : topic === right.name),
    );
  for (const step of steps()) {
    for (const topic of [...step.streams, ...step.tables]) expect(may('read', topic), topic).toBe(true);
    for (const topic of step.outputs) expect(may('write', topic), topic).toBe(true);
  }
});

test('the shipped jobs read the state that earlier versions of them have written', () => {
  // Of the first release. A change here means that hubs in the field have to compute a step anew.
  expect(Object.fromEntries(steps().map(({ id, fingerprint }) => [id, fingerprint]))).toMatchObject({
    readings: '1-2eda8ff2',
    web: '1-2357f9aa',
    'web.by-path': '1-3125a8fd',
    'web.by-site': '1-ffe2c09c',
    finance: '1-5ecb4710',
    episodes: '1-fa8e3888',
    'anomalies.readings': '1-8b401109',
    'alerts.by-rule': '1-6d01930c',
  });
});
