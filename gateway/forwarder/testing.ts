import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { HeadwaterError, parseIdentity } from '../../contract/index.ts';
import { encodedSize, type OutgoingRecord, type Producer } from '../../kafka/index.ts';
import { type Buffer, type BufferOptions, openBuffer } from '../buffer/index.ts';
import type { ForwarderOptions } from './index.ts';

/** A broker in memory. What each send meets is given beforehand; when that is used up, every send is taken. */
export type Fate = 'taken' | 'refused' | 'half taken, then lost' | 'taken, answer lost' | 'no producer';

export class Broker {
  readonly log: OutgoingRecord[] = [];
  readonly batches: OutgoingRecord[][] = [];
  readonly fates: Fate[];
  mostBytes = Number.POSITIVE_INFINITY;
  /** What a send that holds a certain record meets, each time. */
  answerTo: (record: OutgoingRecord) => string | undefined = () => undefined;
  /** Sends are held until this resolves. */
  answer: Promise<void> = Promise.resolve();
  sending = 0;
  mostSending = 0;
  producers = 0;

  constructor(fates: readonly Fate[] = []) {
    this.fates = [...fates];
  }

  open = async (): Promise<Producer> => {
    if (this.fates[0] === 'no producer') {
      this.fates.shift();
      throw new HeadwaterError('KAFKA_AWAY', 'the broker is away', { retryable: true });
    }
    this.producers++;
    let failed = false;
    return {
      send: async (batches) => {
        if (failed) throw new Error('a producer that failed was used again');
        this.mostSending = Math.max(this.mostSending, ++this.sending);
        await this.answer;
        this.sending--;
        const records = batches.flatMap((batch) => batch.records);
        this.batches.push(records);
        const bytes = records.reduce((sum, record) => sum + encodedSize(record), 0);
        failed = true;
        if (bytes > this.mostBytes) throw new HeadwaterError('KAFKA_MESSAGE_TOO_LARGE', 'too large');
        const refusal = records.map(this.answerTo).find((code) => code !== undefined);
        if (refusal) throw new HeadwaterError(refusal, 'refused');
        const fate = this.fates.shift() ?? 'taken';
        if (fate === 'half taken, then lost') this.log.push(...records.slice(0, records.length / 2));
        if (fate.startsWith('taken')) this.log.push(...records);
        if (fate !== 'taken') throw new HeadwaterError('KAFKA_LOST', fate, { retryable: true });
        failed = false;
      },
      close: async () => {},
    };
  };

  /** Values in the order in which a reader that drops what it has seen takes them. Fails on a hole. */
  readOnce(): Record<string, string[]> {
    const lanes: Record<string, string[]> = { alarm: [], live: [], backlog: [] };
    const next: Record<string, number> = { alarm: 1, live: 1, backlog: 1 };
    for (const { headers, value } of this.log) {
      const { lane, sequence } = parseIdentity(headers!.id!);
      expect(sequence).toBeLessThanOrEqual(next[lane]!);
      if (sequence === next[lane]) {
        next[lane]++;
        lanes[lane]!.push(String(value));
      }
    }
    return lanes;
  }
}

export const never = new Promise<never>(() => {});

export interface Bench extends AsyncDisposable {
  readonly buffer: Buffer;
  readonly options: ForwarderOptions;
}

export async function bench(kafka: () => Promise<Producer>, more: Partial<BufferOptions> = {}): Promise<Bench> {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-forwarder-'));
  const buffer = await openBuffer({
    dir,
    maxBytes: 64 * 1024 * 1024,
    maxAgeMs: 3_600_000,
    whenFull: 'reject-new',
    liveWithinMs: 60_000,
    ...more,
  });
  return {
    buffer,
    options: {
      buffer,
      kafka,
      gateway: 'gw-1',
      topic: 'iot.raw',
      settings: { backlogShare: 0.5, batchBytes: 900_000, lingerMs: 1 },
      log: { info: () => {}, warn: () => {} },
      limits: { firstRetryMs: 1, lastRetryMs: 5, closeMs: 200 },
    },
    async [Symbol.asyncDispose]() {
      await buffer.close();
      rmSync(dir, { recursive: true });
    },
  };
}

export const submit = (buffer: Buffer, value: string, alarm = false) =>
  buffer.submit({ entries: [{ kind: 'reading', alarm, value, ts: 1_800_000_000_000 }] });

export const untilEmpty = (buffer: Buffer) =>
  vi.waitFor(async () => expect((await buffer.status()).readings).toBe(0), { timeout: 20_000, interval: 10 });
