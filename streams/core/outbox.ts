import { CONTRACT_VERSION, type DeadLetter, encode, HEADER, type Late, TOPICS } from '../../contract/index.ts';
import type { InputRecord, OutputRecord } from './task.ts';
import type { TooLate } from './windows.ts';

/** Original bytes kept in a dead letter. */
const KEPT_BYTES = 4_096;
const HEADERS = { [HEADER.version]: CONTRACT_VERSION };

/** What a task puts out, in order; also what it could not use. */
export class Outbox {
  readonly #step: string;
  #outputs: OutputRecord[] = [];

  constructor(step: string) {
    this.#step = step;
  }

  readonly put = (output: OutputRecord): void => {
    this.#outputs.push(output);
  };

  take(): OutputRecord[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  /** Puts a record into `dead-letters`, with why it could not be used. */
  refuse(topic: string, record: InputRecord, code: string, reason: string): void {
    const bytes = (record.value ?? Buffer.alloc(0)).subarray(0, KEPT_BYTES).toString('base64');
    const origin = `${topic}/${record.partition}@${record.offset}`;
    const letter: DeadLetter = { origin, code, reason, bytes, ts: record.appendedAt };
    this.put({ topic: TOPICS.deadLetters.name, key: origin, value: encode(letter), headers: HEADERS });
  }

  /** A declared function threw, or an aggregate could not use its input: the record's fault or the job's, but no reason to stop the stream. */
  failed(topic: string, record: InputRecord, error: unknown): void {
    this.refuse(topic, record, 'JOB_FAILED', error instanceof Error ? error.message : String(error));
  }

  /** Puts a record into `late`. What a join made has no bytes of its own: then its value as it is. */
  late(topic: string, late: TooLate, value: unknown, record: InputRecord): void {
    const bytes = (record.value ?? encode(value)).toString('base64');
    const row: Late = { topic, step: this.#step, ...late, bytes };
    this.put({ topic: TOPICS.late.name, key: topic, value: encode(row), headers: HEADERS });
  }
}
