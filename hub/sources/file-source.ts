import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { HeadwaterError, TOPICS } from '../../contract/index.ts';
import { type KafkaSettings, type OutgoingRecord, openTransactionalProducer } from '../../kafka/index.ts';
import { deadLetter } from './dead-letter.ts';
import { type FollowedBatch, type FollowOptions, follow } from './follow.ts';
import { type Line, MAX_LINE_BYTES } from './lines.ts';
import { isSameFile, type Place } from './place.ts';
import { positionBatch, readPosition } from './positions.ts';
import type { Source, SourceLog, SourceStatus } from './types.ts';

export interface FileSourceOptions {
  /** Unique and stable: the position is kept under it. */
  readonly name: string;
  readonly file: string;
  readonly topic: string;
  /** Makes a record of a line. Throws HeadwaterError for one it cannot read, which goes to `dead-letters`. */
  readonly toRecord: (line: Buffer) => OutgoingRecord;
  readonly kafka: KafkaSettings;
  readonly log: SourceLog;
  readonly follow?: Pick<FollowOptions, 'pollMs' | 'quietMs'>;
}

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;

const StoredPlace = z.object({
  dev: z.number(),
  ino: z.number(),
  head: z.string(),
  headBytes: z.int().min(0),
  offset: z.int().min(0),
  modifiedAt: z.number(),
});

/**
 * Carries each line of a followed file to Kafka exactly once: the lines' records, the dead letters of those that could not be read and the place in the
 * file commit in one transaction. After any failure it goes on from the last place committed.
 */
export function startFileSource(options: FileSourceOptions): Source {
  const { name, file, log } = options;
  const stop = new AbortController();
  const counts = { records: 0, deadLetters: 0, failures: 0 };
  let committed: Place | undefined;
  let state: SourceStatus['state'] = 'waiting';
  let detail = `waiting for ${file}`;

  const carry = async (onCommitted: () => void) => {
    const producer = await openTransactionalProducer(options.kafka, { transactionalId: `sources.${name}` });
    try {
      const place = storedPlace(await readPosition(options.kafka, producer, name), name);
      committed = place;
      for await (const batch of follow(file, place, { ...options.follow, signal: stop.signal })) {
        const { records, deadLetters } = translate(batch, options);
        await producer.commit([
          { topic: options.topic, records },
          { topic: TOPICS.deadLetters.name, records: deadLetters },
          positionBatch(name, batch.place),
        ]);
        committed = batch.place;
        counts.records += records.length;
        counts.deadLetters += deadLetters.length;
        if (batch.gap !== undefined)
          log.warn({ source: name, file }, `lines may be missing from ${file}: ${batch.gap}`);
        onCommitted();
      }
    } finally {
      await producer.close();
    }
  };

  const running = (async () => {
    let retryMs = FIRST_RETRY_MS;
    while (!stop.signal.aborted) {
      await carry(() => {
        retryMs = FIRST_RETRY_MS;
        [state, detail] = ['ok', `following ${file}`];
      }).catch(async (error) => {
        [state, detail] = ['failed', error instanceof Error ? error.message : String(error)];
        counts.failures++;
        log.warn(
          { err: error, source: name, file, retryMs },
          `source ${name} stopped; it will go on from its last place`,
        );
        await sleep(retryMs, undefined, { signal: stop.signal }).catch(() => {});
        retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS);
      });
    }
  })();

  return {
    status: () => ({ name, state, detail, ...counts }),
    async lagBytes() {
      const present = await stat(file).catch(() => undefined);
      if (present === undefined) return undefined;
      const { size } = present;
      // After a rotation the rest of the old file is not known; the new one is all still to be read.
      return committed && isSameFile(present, committed) ? Math.max(0, size - committed.offset) : size;
    },
    async close() {
      stop.abort();
      await running;
    },
  };
}

function storedPlace(stored: unknown, name: string): Place | undefined {
  if (stored === undefined) return undefined;
  const parsed = StoredPlace.safeParse(stored);
  if (parsed.success) return parsed.data;
  // Beginning anew would count everything twice.
  throw new HeadwaterError('SOURCE_POSITION_INVALID', `The stored position of source ${name} is not one of a file`, {
    cause: parsed.error,
  });
}

/** What a batch of lines becomes. Blank lines carry nothing and become nothing. */
function translate(batch: FollowedBatch, { file, toRecord }: FileSourceOptions) {
  const records: OutgoingRecord[] = [];
  const deadLetters: OutgoingRecord[] = [];
  if (batch.gap !== undefined) {
    const error = new HeadwaterError('LOG_GAP', `Lines may be missing: ${batch.gap}`);
    deadLetters.push(deadLetter(`log:${file}`, `log:${file}@${batch.place.offset}`, error, Buffer.alloc(0)));
  }
  for (const line of batch.lines) {
    if (line.bytes.length === 0) continue;
    try {
      records.push(recordOf(line, toRecord));
    } catch (error) {
      if (!(error instanceof HeadwaterError)) throw error;
      deadLetters.push(deadLetter(`log:${file}`, `log:${file}@${line.offset}`, error, line.bytes));
    }
  }
  return { records, deadLetters };
}

function recordOf(line: Line, toRecord: FileSourceOptions['toRecord']): OutgoingRecord {
  if (line.tooLong) throw new HeadwaterError('LINE_TOO_LONG', `The line is longer than ${MAX_LINE_BYTES} bytes`);
  return toRecord(line.bytes);
}
