import fc from 'fast-check';
import { expect, onTestFinished, test, vi } from 'vitest';
import { encodedSize, type Producer } from '../../kafka/index.ts';
import type { Buffer } from '../buffer/index.ts';
import { startForwarder } from './index.ts';
import { Broker, bench, type Fate, never, submit, untilEmpty } from './testing.ts';

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
}, 240_000);

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

test('readings that come one by one gather in batches for as long as they may linger', async () => {
  const broker = new Broker();
  await using it = await bench(broker.open);
  const settings = { ...it.options.settings, lingerMs: 300 };
  const forwarder = startForwarder({ ...it.options, settings });
  for (let n = 0; n < 60; n++) await submit(it.buffer, String(n));
  await untilEmpty(it.buffer);
  expect(broker.batches.length).toBeLessThan(20);
  await forwarder.close();
});

test.each(['an alarm', 'the last quarter of its time with something new in it'])(
  'after many small batches in a row the next one gathers, until %s comes',
  async (what) => {
    const broker = new Broker();
    await using it = await bench(broker.open);
    const limits = { ...it.options.limits, gatherMs: 3_600_000 };
    const forwarder = startForwarder({ ...it.options, limits });
    // One after the other for as long as each goes at once: it gathers when many are stored and not one of them goes.
    let stored = 0;
    for (let sent = -1, waiting = 0; waiting < 30; waiting = broker.log.length === sent ? waiting + 1 : 0) {
      sent = broker.log.length;
      await submit(it.buffer, String(stored++));
    }
    expect(broker.batches.length).toBeGreaterThan(50);
    const isAlarm = what === 'an alarm';
    if (!isAlarm) {
      const now = performance.now.bind(performance);
      const later = vi.spyOn(performance, 'now').mockImplementation(() => now() + 0.8 * 3_600_000);
      onTestFinished(() => later.mockRestore());
    }
    await submit(it.buffer, 'more', isAlarm);
    await vi.waitFor(() => expect(broker.log.length).toBe(stored + 1), { timeout: 30_000 });
    await forwarder.close();
  },
);

test.each<[string, (buffer: Buffer) => PromiseLike<unknown>]>([
  ['an alarm', (buffer) => submit(buffer, 'alarm', true)],
  ['a full batch', (buffer) => Promise.all(Array.from({ length: 60 }, (_, n) => submit(buffer, String(n))))],
])('%s ends the lingering of readings before it', async (_, submitMore) => {
  const broker = new Broker();
  await using it = await bench(broker.open);
  const settings = { ...it.options.settings, lingerMs: 3_600_000 };
  const limits = { ...it.options.limits, batchRecords: 50 };
  const forwarder = startForwarder({ ...it.options, settings, limits });
  await submit(it.buffer, 'reading');
  // Not to be seen from outside: by now it lingers.
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(broker.log).toEqual([]);
  await submitMore(it.buffer);
  await vi.waitFor(() => expect(broker.log.map(({ value }) => value)).toContain('reading'));
  await forwarder.close();
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
