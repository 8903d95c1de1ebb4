import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureKafkaArtifacts, startProcess } from '../../infra/local/index.ts';
import { openProducer } from '../../kafka/index.ts';
import { collect, type TestBed, until } from '../support/testbed.ts';

/** One record of a generated input, the same for both engines. Order within a partition is the order of the array. */
export interface Input {
  readonly side: 'left' | 'right';
  readonly partition: number;
  readonly key: string;
  readonly ts: number;
  readonly v: number;
}

/** What the Kafka Streams program is asked to run; times in ms. */
export type Topology =
  | { readonly topology: 'tumbling'; readonly size: number; readonly grace: number }
  | { readonly topology: 'hopping'; readonly size: number; readonly advance: number; readonly grace: number }
  | { readonly topology: 'session'; readonly gap: number; readonly grace: number }
  | { readonly topology: 'table'; readonly history: number; readonly grace: number }
  | { readonly topology: 'inner' | 'left' | 'outer'; readonly within: number; readonly grace: number };

/** A row of a window; `end` of a session is its last record's time, as Kafka Streams has it. */
export interface WindowRow {
  readonly key: string;
  readonly start: number;
  readonly end: number;
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** Of the population. */
  readonly variance: number;
  readonly first: number;
  readonly last: number;
}

export interface JoinRow {
  readonly key: string;
  readonly left: { readonly ts: number; readonly v: number } | null;
  readonly right: { readonly ts: number; readonly v: number } | null;
}

/** Keys of the records that push time on, so that every window closes. */
export const END = '~end';
const DAY = 86_400_000;

/** What both engines are fed: the inputs, then in each partition of each topic two records of much later days. */
export function withEnds(inputs: readonly Input[], partitions: number, sides: readonly Input['side'][]): Input[] {
  const last = inputs.reduce((latest, { ts }) => Math.max(latest, ts), 0);
  const ends: Input[] = [];
  for (const days of [1, 2])
    for (const side of sides)
      for (let partition = 0; partition < partitions; partition++)
        ends.push({ side, partition, key: `${END}-${partition}`, ts: last + days * DAY, v: 0 });
  return [...inputs, ...ends];
}

export const isJoin = ({ topology }: Topology): boolean => ['table', 'inner', 'left', 'outer'].includes(topology);

/** The rows that Kafka Streams gives for an input, without those of the records that only push time on. */
export async function kafkaStreams<Row extends WindowRow | JoinRow>(
  bed: TestBed,
  topology: Topology,
  inputs: readonly Input[],
  partitions: number,
): Promise<Row[]> {
  const name = `ref-${Math.random().toString(36).slice(2, 10)}`;
  const topics = { left: `${name}.left`, right: `${name}.right`, out: `${name}.out` };
  await bed.createTopics(Object.values(topics), partitions);
  await fill(bed, topics, withEnds(inputs, partitions, isJoin(topology) ? ['left', 'right'] : ['left']));

  const dir = mkdtempSync(join(tmpdir(), 'headwater-reference-'));
  const out = await collect(bed, topics.out);
  try {
    const { jars } = await ensureKafkaArtifacts({ set: 'streams' });
    const { topology: kind, ...times } = topology;
    const settings = { topology: kind, in: topics.left, right: topics.right, out: topics.out, ...times };
    const program = await startProcess({
      name: 'Kafka Streams',
      command: 'java',
      args: [
        '-XX:TieredStopAtLevel=1',
        '-XX:+UseSerialGC',
        '-Xmx256m',
        ...['-cp', jars.join(':')],
        join(import.meta.dirname, 'kafka-streams/Reference.java'),
        writeProperties(bed, name, dir),
        ...Object.entries(settings).map(([key, value]) => `${key}=${value}`),
      ],
    });
    const ended = program.exited.then((exit) => {
      if (!exit.requested) throw new Error(`Kafka Streams ended early:\n${exit.lastLines.join('\n')}`);
    });
    const seen = () => new Set(rowsOf<Row>(out.records).flatMap(({ key }) => (key.startsWith(END) ? [key] : [])));
    await Promise.race([ended, until('Kafka Streams has read everything', 60, () => seen().size === partitions)]);
    await program.stop(15_000);
    return rowsOf<Row>(await out.toEnd()).filter(({ key }) => !key.startsWith(END));
  } finally {
    await out.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function fill(bed: TestBed, topics: Record<Input['side'], string>, inputs: readonly Input[]): Promise<void> {
  const producer = await openProducer(bed.as('admin'));
  for (const side of ['left', 'right'] as const) {
    const records = inputs
      .filter((input) => input.side === side)
      .map(({ key, partition, ts, v }) => ({ key, partition, value: JSON.stringify({ ts, v }) }));
    if (records.length > 0) await producer.send([{ topic: topics[side], records }]);
  }
  await producer.close();
}

function rowsOf<Row>(records: readonly { readonly value: Buffer | null }[]): Row[] {
  return records.map(({ value }) => JSON.parse(value!.toString()) as Row);
}

function writeProperties(bed: TestBed, name: string, dir: string): string {
  const { username, password, brokers, ca } = bed.as('admin') as {
    username: string;
    password: string;
    brokers: readonly string[];
    ca: string;
  };
  const caFile = join(dir, 'ca.pem');
  writeFileSync(caFile, ca);
  const login = `org.apache.kafka.common.security.scram.ScramLoginModule required username="${username}" password="${password}";`;
  const properties = {
    'application.id': name,
    'bootstrap.servers': brokers.join(','),
    'security.protocol': 'SASL_SSL',
    'sasl.mechanism': 'SCRAM-SHA-512',
    'sasl.jaas.config': login,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': caFile,
    'state.dir': join(dir, 'state'),
    'auto.offset.reset': 'earliest',
    'commit.interval.ms': 200,
    'statestore.cache.max.bytes': 0,
    'replication.factor': 1,
    'default.key.serde': 'org.apache.kafka.common.serialization.Serdes$StringSerde',
    'default.value.serde': 'org.apache.kafka.common.serialization.Serdes$StringSerde',
    // By default it looks for unmatched records once a second of its own clock, whatever the records say.
    '__emit.interval.ms.kstreams.outer.join.spurious.results.fix__': 0,
  };
  const file = join(dir, 'streams.properties');
  const text = Object.entries(properties).map(([key, value]) => `${key}=${value}`);
  writeFileSync(file, `${text.join('\n')}\n`, { mode: 0o600 });
  return file;
}
