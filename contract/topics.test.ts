import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { RIGHTS } from './access.ts';
import { ALL_TOPICS, CONNECT_TOPICS } from './topics.ts';

const golden: Record<string, unknown> = JSON.parse(readFileSync(new URL('./golden/v1.json', import.meta.url), 'utf8'));
const topicOf = (name: string) => [...ALL_TOPICS, ...Object.values(CONNECT_TOPICS)].find((t) => t.name === name)!;

describe.each(Object.entries(golden))('a record of %s as version 1 wrote it', (name, record) => {
  test('is still read, every field of it', () => {
    expect(topicOf(name).schema!.parse(record)).toEqual(record);
  });

  test('is still read when a newer version added a field', () => {
    expect(topicOf(name).schema!.parse({ ...(record as object), added: 1 })).toEqual(record);
  });
});

test('topic names are unique', () => {
  const all = [...ALL_TOPICS, ...Object.values(CONNECT_TOPICS)];
  expect(new Set(all.map((t) => t.name)).size).toBe(all.length);
});

test('a gateway may write what it forwards and its status, and read nothing', () => {
  expect(RIGHTS.gateway.flatMap((r) => r.operations)).not.toContain('read');
  expect(RIGHTS.gateway.map((r) => r.name)).toEqual(['iot.raw', 'gateways', 'platform.health']);
});

test('every right on a single topic names one of the catalogue', () => {
  const named = Object.values(RIGHTS).flatMap((rights) =>
    rights.filter((r) => r.resource === 'topic' && r.pattern === 'literal'),
  );
  for (const right of named) expect(topicOf(right.name), right.name).toBeDefined();
});
