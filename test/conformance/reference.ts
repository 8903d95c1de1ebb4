import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TOPICS } from '../../contract/index.ts';
import { ensureKafkaArtifacts, startProcess } from '../../infra/local/index.ts';
import { openProducer } from '../../kafka/index.ts';
import { collect, PARTITIONS, type TestBed, until } from '../support/testbed.ts';

/** One record of a generated input, the same for both engines. Order within a partition is the order of the array. */
export interface Input {
  readonly id: number;
  readonly side: 'left' | 'right';
  readonly partition: number;
  readonly key: string;
  readonly ts: number;
  /** Null: the table's row is deleted. */
  readonly v: number | null;
  /** When the broker took it, where that matters. */
  readonly appendedAt?: number;
}

/** What the Kafka Streams program is asked to run; times in ms. */
export type Topology =
  | ({ readonly topology: 'tumbling'; readonly size: number } & Kept)
  | ({ readonly topology: 'hopping'; readonly size: number; readonly advance: number } & Kept)
  | ({ readonly topology: 'session'; readonly gap: number } & Kept)
  /** Tumbling windows of groups, after a change of key. */
  | ({ readonly topology: 'rekeyed'; readonly size: number } & Kept)
  /** A row of the table is valid from when the broker appended it. */
  | { readonly topology: 'table'; readonly history: number; readonly grace: number }
  | {
      readonly topology: 'inner' | 'left' | 'outer';
      readonly within: number;
      /** How much later than the left record the right one may be, where that is not as much as it may be earlier. */
      readonly after?: number;
      readonly grace: number;
    };

/** For our engine: how long a series without windows is remembered. As long as the grace, unless given, which is what comes closest to Kafka Streams. */
interface Kept {
  readonly grace: number;
  readonly remember?: number;
}

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
  readonly range: number;
  /** Of values above 0. */
  readonly share: number;
  /** Sum and greatest of decimal texts. */
  readonly total: string;
  readonly most: string;
  /** How many different values; of ours about so many. */
  readonly different: number;
  /** Of ours within 1 %. */
  readonly p50: number;
  readonly p90: number;
  /** The three values that came most often. */
  readonly often: readonly { readonly value: string; readonly count: number; readonly error: 0 }[];
}

export interface JoinedRecord {
  readonly id: number;
  readonly ts: number;
  readonly v: number;
}

export interface JoinRow {
  readonly key: string;
  readonly left: JoinedRecord | null;
  readonly right: JoinedRecord | null;
}

/** Keys of the records that push time on, so that every window closes. */
export const END = '~end';
const DAY = 86_400_000;
/** Records in one batch, so that none is larger than a broker takes. */
const PORTION = 4_000;

export interface Topics {
  readonly left: string;
  readonly right: string;
  /** What our engine puts out, and what Kafka Streams does. */
  readonly ours: string;
  readonly theirs: string;
  /** Each change of a window in Kafka Streams. */
  readonly updates: string;
}

/** Kafka Streams compiles the program as it starts, which takes a JDK; a JRE has no compiler. */
export const hasJdk = spawnSync('java', ['--list-modules']).stdout?.toString().includes('jdk.compiler') === true;

/** Topics of a name of their own, which both engines read. */
export async function createTopics(bed: TestBed): Promise<Topics> {
  const name = `hub.same-${Math.random().toString(36).slice(2, 10)}`;
  const of = (what: string) => `${name}.${what}`;
  const topics = {
    left: of('left'),
    right: of('right'),
    ours: of('ours'),
    theirs: of('theirs'),
    updates: of('updates'),
  };
  await bed.createTopics([...Object.values(topics), TOPICS.late.name, TOPICS.deadLetters.name], PARTITIONS);
  return topics;
}

/** In each partition of each topic two records of a much later time, after which every window is closed. */
export function endsOf(inputs: readonly Input[], sides: readonly Input['side'][], laterMs = DAY): Input[] {
  const last = inputs.reduce((latest, { ts }) => Math.max(latest, ts), 0);
  const ends: Input[] = [];
  for (const n of [1, 2])
    for (const side of sides)
      for (let partition = 0; partition < PARTITIONS; partition++)
        ends.push({ id: -1, side, partition, key: `${END}-${partition}`, ts: last + n * laterMs, v: 0 });
  return ends;
}

export const isEnd = ({ key }: { readonly key: string }): boolean => key.startsWith(END);

export function jsonOf(input: Input): object | null {
  const { id, key, ts, v } = input;
  return v === null ? null : { id, key, ts, v, amount: v.toFixed(2), group: groupOf(input) };
}

/** What the records of all keys are grouped by. */
export const groupOf = (input: Input): string => (isEnd(input) ? input.key : `g${input.id % 5}`);

export async function fill(bed: TestBed, topics: Topics, inputs: readonly Input[]): Promise<void> {
  const producer = await openProducer(bed.as('admin'));
  for (const side of ['left', 'right'] as const) {
    const records = inputs
      .filter((input) => input.side === side)
      .map((input) => {
        const value = jsonOf(input);
        return { key: input.key, partition: input.partition, value: value && JSON.stringify(value) };
      });
    for (let at = 0; at < records.length; at += PORTION)
      await producer.send([{ topic: topics[side], records: records.slice(at, at + PORTION) }]);
  }
  await producer.close();
}

/**
 * The rows that Kafka Streams gives for what the topics hold, without those of the records that only push time on.
 * @param portions what is sent while it runs, each when every record of those before has changed a window
 */
export async function kafkaStreams<Row extends WindowRow | JoinRow>(
  bed: TestBed,
  topology: Topology,
  topics: Topics,
  portions: readonly (readonly Input[])[] = [],
): Promise<Row[]> {
  const ends = new Set(portions.flat().flatMap((input) => (isEnd(input) ? [input.key] : []))).size || PARTITIONS;
  const dir = mkdtempSync(join(tmpdir(), 'headwater-reference-'));
  const out = await collect(bed, topics.theirs);
  try {
    const { jars } = await ensureKafkaArtifacts({ set: 'streams' });
    const { topology: kind, ...times } = topology;
    const { left, right, theirs, updates } = topics;
    const settings = { topology: kind, in: left, right, out: theirs, updates, ...times };
    const program = await startProcess({
      name: 'Kafka Streams',
      command: 'java',
      args: [
        '-XX:TieredStopAtLevel=1',
        '-XX:+UseSerialGC',
        '-Xmx256m',
        ...['-cp', jars.join(':')],
        join(import.meta.dirname, 'kafka-streams/Reference.java'),
        writeProperties(bed, topics.theirs, dir),
        ...Object.entries(settings).map(([key, value]) => `${key}=${value}`),
      ],
    });
    const ended = program.exited.then((exit) => {
      if (!exit.requested) throw new Error(`Kafka Streams ended early:\n${exit.lastLines.join('\n')}`);
    });
    const seen = () => new Set(rowsOf<Row>(out.records).flatMap((row) => (isEnd(row) ? [row.key] : [])));
    try {
      await Promise.race([ended, sendInTurn(bed, topics, portions)]);
      await Promise.race([ended, until('Kafka Streams has read everything', 120, () => seen().size === ends)]);
    } finally {
      await program.stop(15_000);
    }
    return rowsOf<Row>(await out.toEnd()).filter((row) => !isEnd(row));
  } finally {
    await out.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function sendInTurn(bed: TestBed, topics: Topics, portions: readonly (readonly Input[])[]): Promise<void> {
  if (portions.length === 0) return;
  const updates = await collect(bed, topics.updates);
  try {
    let sent = 0;
    for (const portion of portions) {
      await fill(bed, topics, portion);
      sent += portion.length;
      await until('Kafka Streams has taken what was sent', 120, () => updates.records.length >= sent);
    }
  } finally {
    await updates.close();
  }
}

/** Each change that Kafka Streams has made to a window, in order; of a session that became part of another a row with `count` 0. */
export async function kafkaStreamsUpdates(bed: TestBed, topics: Topics): Promise<WindowRow[]> {
  const updates = await collect(bed, topics.updates);
  try {
    return rowsOf<WindowRow>(await updates.toEnd());
  } finally {
    await updates.close();
  }
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
    // On disk each new segment of time opens a database, which took most of the run.
    'dsl.store.suppliers.class': 'org.apache.kafka.streams.state.BuiltInDslStoreSuppliers$InMemoryDslStoreSuppliers',
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
