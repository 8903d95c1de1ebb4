import { readFile, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import type { z } from 'zod';
import { encode, HeadwaterError, TOPICS } from '../../contract/index.ts';
import { type KafkaSettings, type OutgoingRecord, openProducer } from '../../kafka/index.ts';
import { deadLetter, HEADERS } from './dead-letter.ts';
import type { Source, SourceLog, SourceStatus } from './types.ts';

export interface RegistryOptions {
  readonly name: string;
  /** YAML or JSON: a list of entries, each with an `id`. */
  readonly file: string;
  /** A compacted topic, keyed by id. */
  readonly topic: string;
  readonly schema: z.ZodType<{ id: string }>;
  readonly kafka: KafkaSettings;
  readonly log: SourceLog;
  readonly pollMs?: number;
}

const RETRY_MS = 2_000;

/**
 * Keeps a compacted topic equal to a file of reference data: writes every entry at start and whatever changes in the file afterwards, and a tombstone
 * for an entry removed while it runs. Writing an entry again changes nothing for readers, so no position is kept.
 */
export function startRegistry(options: RegistryOptions): Source {
  const { name, file, log, pollMs = 2_000 } = options;
  const stop = new AbortController();
  const counts = { records: 0, deadLetters: 0, failures: 0 };
  let state: SourceStatus['state'] = 'waiting';
  let detail = `waiting for ${file}`;

  const carry = async () => {
    const producer = await openProducer(options.kafka);
    try {
      let written: ReadonlyMap<string, string> = new Map();
      let seen = '';
      while (!stop.signal.aborted) {
        const version = await versionOf(file);
        if (version !== undefined && version !== seen) {
          const { entries, deadLetters, problem } = await load(options);
          const records = entries ? difference(written, entries) : [];
          await producer.send([
            { topic: options.topic, records },
            { topic: TOPICS.deadLetters.name, records: deadLetters },
          ]);
          counts.records += records.length;
          counts.deadLetters += deadLetters.length;
          written = entries ?? written;
          seen = version;
          [state, detail] = problem ? ['failed', problem] : ['ok', `${written.size} entries of ${file}`];
          log.info({ source: name, file, changed: records.length, invalid: deadLetters.length }, detail);
        }
        await sleep(pollMs, undefined, { signal: stop.signal }).catch(() => {});
      }
    } finally {
      await producer.close();
    }
  };

  const running = (async () => {
    while (!stop.signal.aborted) {
      await carry().catch(async (error) => {
        [state, detail] = ['failed', error instanceof Error ? error.message : String(error)];
        counts.failures++;
        log.warn({ err: error, source: name, file }, `source ${name} stopped; it will begin again`);
        await sleep(RETRY_MS, undefined, { signal: stop.signal }).catch(() => {});
      });
    }
  })();

  return {
    status: () => ({ name, state, detail, ...counts }),
    async close() {
      stop.abort();
      await running;
    },
  };
}

/** Changes when the file does; undefined while there is none. */
async function versionOf(file: string): Promise<string | undefined> {
  const info = await stat(file).catch(() => undefined);
  return info && `${info.ino} ${info.size} ${info.mtimeMs}`;
}

interface Loaded {
  /** The valid entries as JSON, by id; absent where the file as a whole could not be read. */
  readonly entries?: ReadonlyMap<string, string>;
  readonly deadLetters: readonly OutgoingRecord[];
  /** What is wrong with the file as a whole. */
  readonly problem?: string;
}

async function load({ file, schema }: RegistryOptions): Promise<Loaded> {
  const refused = (where: string, reason: string, bytes: Buffer) =>
    deadLetter(`file:${file}`, `file:${file}${where}`, new HeadwaterError('REGISTRY_INVALID', reason), bytes);
  const bytes = await readFile(file);
  const list = parseList(bytes.toString('utf8'));
  if (typeof list === 'string') return { deadLetters: [refused('', list, bytes)], problem: `${file}: ${list}` };

  const entries = new Map<string, string>();
  const deadLetters: OutgoingRecord[] = [];
  for (const [index, entry] of list.entries()) {
    const parsed = schema.safeParse(entry);
    if (parsed.success) {
      entries.set(parsed.data.id, JSON.stringify(parsed.data));
    } else {
      const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'entry'}: ${issue.message}`);
      deadLetters.push(refused(`#${index}`, problems.join('; '), encode(entry)));
    }
  }
  return { entries, deadLetters };
}

/** The list in a YAML or JSON text, or what is wrong with the text. */
function parseList(text: string): unknown[] | string {
  try {
    const list: unknown = parse(text);
    return Array.isArray(list) ? list : 'must hold a list of entries';
  } catch (error) {
    return `is neither YAML nor JSON: ${(error as Error).message}`;
  }
}

function difference(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): OutgoingRecord[] {
  const records: OutgoingRecord[] = [];
  for (const [id, json] of after) {
    if (before.get(id) !== json) records.push({ key: id, value: json, headers: HEADERS });
  }
  for (const id of before.keys()) if (!after.has(id)) records.push({ key: id, value: null, headers: HEADERS });
  return records;
}
