import { CONTRACT_VERSION, type DeadLetter, encode, HEADER, type Late, TOPICS } from '../../contract/index.ts';
import { bytesOf, type InputRecord, type OutputRecord } from './task.ts';
import type { TooLate } from './windows.ts';

/** Original bytes kept in a dead letter. */
const KEPT_BYTES = 4_096;
/** Kafka takes no larger record (`message.max.bytes`, 1 MiB, less what goes with it): it would refuse the whole commit, and again each time. */
const MOST_BYTES = 1_000_000;
const HEADERS = { [HEADER.version]: CONTRACT_VERSION };

/** What a task puts out, in order; also what it could not use. */
export class Outbox {
  readonly #step: string;
  #outputs: OutputRecord[] = [];
  /** When the broker took what is being processed. */
  #now = 0;

  constructor(step: string) {
    this.#step = step;
  }

  at(now: number): void {
    this.#now = now;
  }

  readonly put = (output: OutputRecord): void => {
    const { topic, key, value } = output;
    const bytes =
      (key?.length ?? 0) * 3 + (typeof value === 'string' ? Buffer.byteLength(value) : (value?.length ?? 0));
    if (bytes <= MOST_BYTES) {
      this.#outputs.push(output);
      return;
    }
    const reason = `what is to go to ${topic} has ${bytes} bytes; Kafka takes at most ${MOST_BYTES}`;
    this.#letter(`${this.#step}:${topic}`, 'RESULT_TOO_LARGE', reason, bytesOf(value), this.#now);
  };

  take(): OutputRecord[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  /** Puts a record into `dead-letters`, with why it could not be used; unless it lies there: whoever reads those would have one more to refuse, without end. */
  refuse(topic: string, record: InputRecord, code: string, reason: string): void {
    if (topic === TOPICS.deadLetters.name) return;
    this.#letter(`${topic}/${record.partition}@${record.offset}`, code, reason, record.value, record.appendedAt);
  }

  #letter(origin: string, code: string, reason: string, value: Buffer | null, ts: number): void {
    const bytes = (value ?? Buffer.alloc(0)).subarray(0, KEPT_BYTES).toString('base64');
    const letter: DeadLetter = { origin, code, reason, bytes, ts };
    this.#outputs.push({ topic: TOPICS.deadLetters.name, key: origin, value: encode(letter), headers: HEADERS });
  }

  /** A declared function threw, or an aggregate could not use its input: the record's fault or the job's, but no reason to stop the stream. */
  failed(topic: string, record: InputRecord, error: unknown): void {
    this.refuse(topic, record, 'JOB_FAILED', error instanceof Error ? error.message : String(error));
  }

  /** A declared function threw at a tick, for one series: the others go on. */
  tickFailed(series: string, error: unknown): void {
    const reason = `at a tick: ${error instanceof Error ? error.message : String(error)}`;
    this.#letter(`${this.#step}:${series.slice(0, 256)}`, 'JOB_FAILED', reason, null, this.#now);
  }

  /** Puts a record into `late`. What a join made has no bytes of its own: then its value as it is. */
  late(topic: string, late: TooLate, value: unknown, record: InputRecord): void {
    const bytes = (record.value ?? encode(value)).toString('base64');
    const row: Late = { topic, step: this.#step, ...late, bytes };
    this.put({ topic: TOPICS.late.name, key: topic, value: encode(row), headers: HEADERS });
  }
}
