import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { DOCUMENT_TOPICS, timestamp } from '../../../contract/index.ts';
import { COLLECTIONS } from './collections.ts';
import { connectorConfigs } from './connectors.ts';
import { readUri, uriFileContent } from './database.ts';
import { type ConnectSchema, connectSchema } from './schema.ts';

const options = {
  uriFile: '/run/mongo.properties',
  database: 'headwater',
  tasksMax: 2,
  maxBatchSize: 50,
  replication: 3,
};
const configs = [...connectorConfigs(options).values()];

test('each topic that user connect may read becomes one collection', () => {
  expect(COLLECTIONS.map(({ topic }) => topic.name).sort()).toEqual(DOCUMENT_TOPICS.map(({ name }) => name).sort());
});

test('no configuration holds an address, and all of them read only what was committed', () => {
  for (const config of configs) {
    expect(config['connection.uri']).toBe(`\${file:/run/mongo.properties:uri}`);
    expect(config['consumer.override.isolation.level']).toBe('read_committed');
    expect(JSON.stringify(config)).not.toContain('mongodb://');
  }
});

test('every time of every record is a date, at any depth, and nothing else is', () => {
  const dates = (schema: ConnectSchema, path = ''): string[] =>
    schema.name === 'org.apache.kafka.connect.data.Timestamp'
      ? [path]
      : (schema.fields ?? []).flatMap((field) => dates(field, path ? `${path}.${field.field}` : field.field!));
  const of = Object.fromEntries(COLLECTIONS.map(({ name, topic }) => [name, dates(connectSchema(topic.schema!))]));
  expect(of).toEqual({
    anomalies: ['ts'],
    alerts: ['since', 'ts'],
    transactions: ['ts'],
    sessions: ['windowStart', 'windowEnd', 'mergedInto'],
  });
  expect(dates(connectSchema(z.object({ a: z.object({ b: timestamp.nullable() }) })))).toEqual(['a.b']);
});

test('what may be null or absent is optional, and a type without a word is refused by name', () => {
  expect(connectSchema(z.object({ a: z.int().nullable(), b: z.record(z.string(), z.number()).optional() }))).toEqual({
    type: 'struct',
    optional: false,
    fields: [
      { field: 'a', type: 'int64', optional: true },
      {
        field: 'b',
        type: 'map',
        keys: { type: 'string', optional: false },
        values: { type: 'double', optional: false },
        optional: true,
      },
    ],
  });
  expect(() => connectSchema(z.bigint())).toThrow('Connect has no type for bigint');
});

test('the address of the database is read back as it was written', () => {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-uri-'));
  const file = join(dir, 'mongo.properties');
  const uri = 'mongodb://user:p%40ss\\w=rd@db.example.org:27017/?replicaSet=a';
  writeFileSync(file, `# Where results go\n${uriFileContent(uri)}`);
  expect(readUri(file)).toBe(uri);
  writeFileSync(file, 'url=mongodb://db/\n');
  expect(() => readUri(file)).toThrow(/has no line uri=/);
  rmSync(dir, { recursive: true });
  expect(() => readUri(file)).toThrow(/cannot be read/);
});
