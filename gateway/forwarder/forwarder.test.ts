import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { HeadwaterError, parseIdentity } from '../../contract/index.ts';
import { encodedSize, type OutgoingRecord, type Producer } from '../../kafka/index.ts';
import { type Buffer, type BufferOptions, openBuffer } from '../buffer/index.ts';
import { type ForwarderOptions, startForwarder } from './index.ts';

/** A broker in memory. What each send meets is given beforehand; when that is used up, every send is taken. */
type Fate = 'taken' | 'refused' | 'half taken, then lost' | 'taken, answer lost' | 'no producer';

class Broker {
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

const never = new Promise<never>(() => {});

interface Bench extends AsyncDisposable {
  readonly buffer: Buffer;
  readonly options: ForwarderOptions;
}

async function bench(kafka: () => Promise<Producer>, more: Partial<BufferOptions> = {}): Promise<Bench> {
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

const submit = (buffer: Buffer, value: string, alarm = false) =>
  buffer.submit({ entries: [{ kind: 'reading', alarm, value, ts: 1_800_000_000_000 }] });

const untilEmpty = (buffer: Buffer) =>
  vi.waitFor(async () => expect((await buffer.status()).readings).toBe(0), { timeout: 20_000, interval: 10 });

test('whatever Kafka does to the sends, each lane arrives whole and in order, one batch at a time', async () => {
  const fate = fc.constantFrom<Fate>('taken', 'refused', 'half taken, then lost', 'taken, answer lost', 'no producer');
  await fc.assert(
    fc.asyncProperty(
      fc.array(fate, { maxLength: 8 }),
      fc.array(fc.nat({ max: 40 }), { maxLength: 4 }),
      async (fates, bursts) => {
        const broker = new Broker(fates);
        await using it = await bench(broker.open);
        const forwarder = startForwarder({ ...it.options, limits: { ...it.options.limits, batchRecords: 15 } });
        const expected: Record<string, string[]> = { alarm: [], live: [], backlog: [] };
        let written = 0;
        for (const burst of bursts) {
          const group = Array.from({ length: burst }, () => {
            const alarm = written % 7 === 0;
            const value = String(written++);
            expected[alarm ? 'alarm' : 'live']!.push(value);
            return submit(it.buffer, value, alarm);
          });
          await Promise.all(group);
        }
        await untilEmpty(it.buffer);
        await forwarder.close();
        expect(broker.readOnce()).toEqual(expected);
        expect(broker.mostSending).toBeLessThanOrEqual(1);
        expect((await it.buffer.status()).counts.forwarded).toBe(written);
      },
    ),
    { numRuns: 15 },
  );
}, 60_000);

test('records carry their identity and version, and the live ones whether older ones follow', async () => {
  const broker = new Broker();
  await using it = await bench(broker.open, { liveWithinMs: 0 });
  await submit(it.buffer, 'first');
  await new Promise((resolve) => setTimeout(resolve, 5));
  await submit(it.buffer, 'second');
  await it.buffer.submit({ entries: [{ kind: 'rejected', alarm: true, value: 'third', ts: 0 }] });
  const forwarder = startForwarder(it.options);
  await untilEmpty(it.buffer);
  await submit(it.buffer, 'fourth');
  await untilEmpty(it.buffer);
  await forwarder.close();
  const id = (lane: string, sequence: number) => `${it.buffer.incarnation}/${lane}/${sequence}`;
  expect(broker.log).toEqual([
    { key: 'gw-1', value: 'third', headers: { id: id('alarm', 1), v: '1', kind: 'rejected', backlog: '1' } },
    { key: 'gw-1', value: 'first', headers: { id: id('live', 1), v: '1', backlog: '1' } },
    { key: 'gw-1', value: 'second', headers: { id: id('backlog', 1), v: '1' } },
    { key: 'gw-1', value: 'fourth', headers: { id: id('live', 2), v: '1' } },
  ]);
});

test('an alarm that comes while a batch is in flight is first in the next', async () => {
  const broker = new Broker();
  const { promise: answer, resolve: answerNow } = Promise.withResolvers<void>();
  broker.answer = answer;
  await using it = await bench(broker.open);
  await Promise.all(Array.from({ length: 300 }, (_, n) => submit(it.buffer, String(n))));
  const forwarder = startForwarder({ ...it.options, limits: { ...it.options.limits, batchRecords: 100 } });
  await vi.waitFor(() => expect(forwarder.status().inFlight).toBe(100), { interval: 1 });
  await submit(it.buffer, 'alarm', true);
  answerNow();
  await untilEmpty(it.buffer);
  await forwarder.close();
  expect(broker.batches[1]![0]!.value).toBe('alarm');
});

test('a record that Kafka finds too large even alone is replaced by word of it, and the rest goes on', async () => {
  const broker = new Broker();
  broker.mostBytes = 20_000;
  await using it = await bench(broker.open);
  const values = Array.from({ length: 200 }, (_, n) => (n === 120 ? 'x'.repeat(30_000) : `${n} ${'x'.repeat(300)}`));
  await Promise.all(values.map((value) => submit(it.buffer, value)));
  const forwarder = startForwarder(it.options);
  await untilEmpty(it.buffer);
  await forwarder.close();
  const { live } = broker.readOnce();
  expect(live!.filter((_, at) => at !== 120)).toEqual(values.filter((_, at) => at !== 120));
  expect(JSON.parse(live![120]!)).toMatchObject({ code: 'RECORD_TOO_LARGE', bytes: expect.stringMatching(/^eHh4/) });
  expect(broker.log[120]!.headers).toMatchObject({ kind: 'rejected' });
});

test.each(['KAFKA_MESSAGE_TOO_LARGE', 'KAFKA_RECORD_LIST_TOO_LARGE', 'KAFKA_INVALID_RECORD', 'KAFKA_CORRUPT_MESSAGE'])(
  'a record that is refused with %s is replaced by word of it, and no other is',
  async (code) => {
    const broker = new Broker();
    broker.answerTo = ({ value }) => (value === '73' ? code : undefined);
    await using it = await bench(broker.open);
    await Promise.all(Array.from({ length: 200 }, (_, n) => submit(it.buffer, String(n))));
    const forwarder = startForwarder(it.options);
    await untilEmpty(it.buffer);
    await forwarder.close();
    const { live } = broker.readOnce();
    expect(live!.filter((_, at) => at !== 73)).toEqual(Array.from({ length: 200 }, (_, n) => `${n}`).toSpliced(73, 1));
    const { bytes, reason } = JSON.parse(live![73]!);
    expect(Buffer.from(bytes, 'base64').toString()).toBe('73');
    expect(reason).toContain(code.slice(6));
  },
);

test.each([
  'KAFKA_TOPIC_AUTHORIZATION_FAILED',
  'KAFKA_CLUSTER_AUTHORIZATION_FAILED',
  'KAFKA_UNKNOWN_TOPIC_OR_PARTITION',
  'KAFKA_UNSUPPORTED_COMPRESSION_TYPE',
  'KAFKA_INVALID_TIMESTAMP',
  'KAFKA_NOT_ENOUGH_REPLICAS',
  'KAFKA_POLICY_VIOLATION',
])('while Kafka answers %s nothing is replaced, and all is sent when that is mended', async (code) => {
  const broker = new Broker();
  broker.answerTo = () => code;
  await using it = await bench(broker.open);
  await Promise.all(Array.from({ length: 50 }, (_, n) => submit(it.buffer, String(n))));
  const forwarder = startForwarder(it.options);
  await vi.waitFor(() => expect(broker.batches.length).toBeGreaterThan(8), { interval: 1 });
  expect(forwarder.status()).toMatchObject({ state: 'waiting', error: 'refused' });
  broker.answerTo = () => undefined;
  await untilEmpty(it.buffer);
  await forwarder.close();
  expect(broker.readOnce().live).toEqual(Array.from({ length: 50 }, (_, n) => `${n}`));
});

test('where Kafka refuses even the record in place of a record, it is asked ever less often, and nothing is lost', async () => {
  const broker = new Broker();
  broker.answerTo = () => 'KAFKA_INVALID_RECORD';
  await using it = await bench(broker.open);
  await submit(it.buffer, 'kept');
  const warnings: string[] = [];
  const log = { info: () => {}, warn: (_: object, message: string) => void warnings.push(message) };
  const forwarder = startForwarder({ ...it.options, log });
  await vi.waitFor(() => expect(broker.batches.length).toBeGreaterThan(7), { interval: 1 });
  expect(warnings).toContainEqual(expect.stringContaining('and the rejected record in its place too'));
  broker.answerTo = ({ headers }) => (headers!.kind === 'rejected' ? 'KAFKA_INVALID_RECORD' : undefined);
  await untilEmpty(it.buffer);
  await forwarder.close();
  expect(broker.readOnce().live).toEqual(['kept']);
});

describe('a new connection while it forwards', () => {
  test('takes over between two batches, and nothing is sent twice', async () => {
    const broker = new Broker();
    await using it = await bench(broker.open);
    const forwarder = startForwarder({ ...it.options, limits: { ...it.options.limits, batchRecords: 7 } });
    for (let n = 0; n < 300; n++) {
      void submit(it.buffer, String(n));
      if (n % 60 === 30) forwarder.reconnect();
      if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await untilEmpty(it.buffer);
    forwarder.reconnect();
    await vi.waitFor(() => expect(broker.producers).toBeGreaterThan(2));
    await forwarder.close();
    expect(broker.log.map(({ value }) => value)).toEqual(Array.from({ length: 300 }, (_, n) => `${n}`));
    expect(broker.mostSending).toBe(1);
  });

  test('is not needed to go on: while it is refused the old one serves, and the status says so until it is let in', async () => {
    const broker = new Broker();
    let refused = false;
    await using it = await bench(() => (refused ? Promise.reject(new Error('wrong password')) : broker.open()));
    const forwarder = startForwarder(it.options);
    await submit(it.buffer, 'before');
    await untilEmpty(it.buffer);
    refused = true;
    forwarder.reconnect();
    await vi.waitFor(() => expect(forwarder.status().warning).toContain('wrong password'));
    await submit(it.buffer, 'meanwhile');
    await untilEmpty(it.buffer);
    expect(forwarder.status()).toMatchObject({ state: 'forwarding', warning: expect.anything() });
    refused = false;
    await vi.waitFor(() => expect(forwarder.status().warning).toBe(undefined));
    expect(broker.producers).toBe(2);
    await submit(it.buffer, 'after');
    await untilEmpty(it.buffer);
    await forwarder.close();
    expect(broker.log.map(({ value }) => value)).toEqual(['before', 'meanwhile', 'after']);
  });

  test('is closed again where it comes after the forwarder was', async () => {
    const broker = new Broker();
    const { promise: late, resolve } = Promise.withResolvers<Producer>();
    let opened = 0;
    await using it = await bench(() => (opened++ === 0 ? broker.open() : late));
    const forwarder = startForwarder(it.options);
    await vi.waitFor(() => expect(forwarder.status().state).toBe('forwarding'));
    forwarder.reconnect();
    await forwarder.close();
    const closed = vi.fn(async () => {});
    resolve({ send: async () => {}, close: closed });
    await vi.waitFor(() => expect(closed).toHaveBeenCalledOnce());
  });
});

test.each<[string, (broker: Broker) => () => Promise<Producer>]>([
  ['opening', (broker) => () => (broker.producers++ === 0 ? never : broker.open())],
  [
    'sending',
    (broker) => async () => (broker.producers === 0 ? { ...(await broker.open()), send: () => never } : broker.open()),
  ],
])('%s that never ends is given up, and the next producer goes on', async (_, kafka) => {
  const broker = new Broker();
  await using it = await bench(kafka(broker));
  await submit(it.buffer, 'x');
  const forwarder = startForwarder({ ...it.options, limits: { ...it.options.limits, openMs: 30, sendMs: 30 } });
  await untilEmpty(it.buffer);
  await forwarder.close();
  expect(broker.readOnce().live).toEqual(['x']);
});

test('other settings hold from the next batch on', async () => {
  const broker = new Broker();
  const { promise: answer, resolve: answerNow } = Promise.withResolvers<void>();
  await using it = await bench(broker.open);
  await Promise.all(Array.from({ length: 400 }, (_, n) => submit(it.buffer, `${n} ${'x'.repeat(1_000)}`)));
  broker.answer = answer;
  const forwarder = startForwarder(it.options);
  await vi.waitFor(() => expect(forwarder.status().inFlight).toBeGreaterThan(100), { interval: 1 });
  forwarder.configure({ backlogShare: 0.5, batchBytes: 20_000, lingerMs: 0 });
  answerNow();
  await untilEmpty(it.buffer);
  await forwarder.close();
  const sizes = broker.batches.map((batch) => batch.reduce((sum, record) => sum + encodedSize(record), 0));
  expect(Math.max(...sizes.slice(1))).toBeLessThanOrEqual(20_000);
});

test('what was sent and not acknowledged when the gateway stopped is sent again with the same identity', async () => {
  const broker = new Broker(['taken, answer lost', ...Array<Fate>(100).fill('no producer')]);
  await using it = await bench(broker.open);
  await submit(it.buffer, 'once');
  const first = startForwarder(it.options);
  await vi.waitFor(() => expect(first.status()).toMatchObject({ state: 'waiting', inFlight: 0 }), { interval: 1 });
  expect(first.status().error).toBeTruthy();
  await first.close();
  broker.fates.length = 0;
  const second = startForwarder(it.options);
  await untilEmpty(it.buffer);
  expect(second.status()).toMatchObject({ state: 'forwarding', inFlight: 0, lastAckAt: expect.any(Number) });
  expect(second.status().error).toBe(undefined);
  await second.close();
  expect(second.status().state).toBe('closed');
  expect(broker.log).toHaveLength(2);
  expect(broker.log[0]).toEqual(broker.log[1]);
});

test.each<[string, () => Promise<Producer>]>([
  ['connecting never ends', () => never],
  ['a send never ends', async () => ({ send: () => never, close: () => never })],
  ['nothing answers', () => Promise.reject(new Error('away'))],
])('closing ends although %s, and what was not sent stays', async (_, kafka) => {
  await using it = await bench(kafka);
  await submit(it.buffer, 'kept');
  const forwarder = startForwarder(it.options);
  await new Promise((resolve) => setTimeout(resolve, 50));
  await forwarder.close();
  expect(await it.buffer.status()).toMatchObject({ readings: 1, counts: { forwarded: 0 } });
});

test('while Kafka is away it is asked ever less often', async () => {
  const waits: number[] = [];
  let asked = performance.now();
  await using it = await bench(() => {
    waits.push(performance.now() - asked);
    asked = performance.now();
    return Promise.reject(new Error('away'));
  });
  const limits = { firstRetryMs: 4, lastRetryMs: 64 };
  const forwarder = startForwarder({ ...it.options, random: () => 1, limits: { ...it.options.limits, ...limits } });
  await vi.waitFor(() => expect(waits.length).toBe(7), { interval: 5 });
  await forwarder.close();
  for (const [at, least] of [0, 4, 8, 16, 32, 64, 64].entries()) expect(waits[at]).toBeGreaterThan(least - 2);
});
