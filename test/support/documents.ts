import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MongoClient, type Collection as MongoCollection } from 'mongodb';
import { connectClient, type MongoAdminConfig, planMongo, uriFileContent } from '../../hub/sinks/index.ts';
import { provision } from '../../hub/topics/index.ts';
import { type Connect, type FerretDb, hasFerretDb, startConnect, startFerretDb } from '../../infra/local/index.ts';
import { openTestBed, type TestBed, until } from './testbed.ts';

/** Whether tests with FerretDB run: where it was prepared, and wherever HEADWATER_STORES is `required`, as in `.ci/run`. */
export const wantsFerretDb = (): boolean => hasFerretDb() || process.env.HEADWATER_STORES === 'required';

export interface Stored {
  readonly _id: string | { readonly series: string; readonly windowStart: Date };
  readonly [field: string]: unknown;
}

export interface DocumentBed extends TestBed {
  readonly ferret: FerretDb;
  readonly connect: Connect;
  readonly config: MongoAdminConfig;
  readonly rest: ReturnType<typeof connectClient>;
  collection(name: string): MongoCollection<Stored>;
  /** What `headwater stores apply` does; gives back what it said. */
  apply(): Promise<string[]>;
  /** Waits until the documents of a collection are these, in any order. */
  holds(name: string, documents: readonly Readonly<Record<string, unknown>>[], seconds?: number): Promise<void>;
}

/** Real Kafka with the whole catalogue, a real Connect worker and FerretDB, with the connectors applied. */
export async function openDocumentBed(brokers: 1 | 3 = 1): Promise<DocumentBed> {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-documents-'));
  const closing: (() => Promise<unknown>)[] = [async () => rmSync(dir, { recursive: true, force: true })];
  const close = async () => {
    for (const step of closing.reverse()) await step();
  };
  try {
    const bed = await openTestBed(brokers);
    closing.push(bed.close);
    const [ferret] = await Promise.all([
      startFerretDb({ dir: join(dir, 'ferretdb') }),
      provision(bed.as('admin'), brokers),
    ]);
    closing.push(() => ferret.close(0));
    const secretsDir = join(dir, 'secrets');
    mkdirSync(secretsDir, { mode: 0o700 });
    const uriFile = join(secretsDir, 'mongo.properties');
    writeFileSync(uriFile, uriFileContent(ferret.uri), { mode: 0o600 });
    const { bootstrap, caPath, users } = bed.cluster;
    const connect = await startConnect({
      dir: join(dir, 'connect'),
      kafka: { bootstrap, caPath, user: users.get('connect')! },
      replication: brokers,
      secretsDir,
    });
    closing.push(() => connect.close(0));
    const mongo = new MongoClient(ferret.uri);
    closing.push(() => mongo.close());
    const database = 'headwater';
    const config: MongoAdminConfig = {
      uriFile,
      database,
      connect: { url: connect.url, replication: brokers },
      tasks: 1,
      maxBatchSize: undefined,
    };
    const collection = (name: string) => mongo.db(database).collection<Stored>(name);
    const apply = async () => {
      const changes = await planMongo(config);
      for (const change of changes) await change.apply();
      return changes.map(({ text }) => text);
    };
    await apply();
    return {
      ...bed,
      ferret,
      connect,
      config,
      rest: connectClient({ url: connect.url }),
      collection,
      apply,
      async holds(name, documents, seconds = 60) {
        const wanted = sorted(documents);
        let found: unknown[] = [];
        const same = async () => {
          found = sorted(
            await collection(name)
              .find()
              .toArray()
              .catch(() => []),
          );
          return JSON.stringify(found) === JSON.stringify(wanted);
        };
        await until(`${name} as expected`, seconds, same).catch((error) => {
          throw new Error(`${error.message}: ${JSON.stringify(found).slice(0, 2_000)}`);
        });
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** By `_id`, and each with its fields in alphabetical order: a server may keep its own. */
const sorted = (documents: readonly Readonly<Record<string, unknown>>[]) =>
  documents.map((d) => ordered(d)).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

function ordered(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  // Told apart from a text, which JSON would not.
  if (value instanceof Date) return { date: value.getTime() };
  if (Array.isArray(value)) return value.map(ordered);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, ordered(inner)]));
}
