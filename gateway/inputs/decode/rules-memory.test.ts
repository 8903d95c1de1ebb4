import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Outcome, Submission } from '../../buffer/index.ts';
import type { Message } from '../input.ts';
import { gateway, NOW } from './testing.ts';

describe('nothing is lost by what a transform remembers:', () => {
  const deadband = '[{ deadband: { absolute: 1 } }]';

  test('a refused message is not what the next one is compared with', async () => {
    const { send, kept, answerWith, counts } = gateway(deadband);
    await send({ t: 20 });
    answerWith('refused');
    expect(await send({ t: 30 })).toBe('refused');
    answerWith('stored');
    expect(await send({ t: 30 }, { dup: 2 })).toBe('stored');
    expect(kept).toEqual(['t 20 1', 't 30 1']);
    expect(counts()?.dropped.deadband).toBe(0);
  });

  test('a value out of range is not what the next one is compared with, or too soon after', async () => {
    for (const step of ['rateLimit: { every: 1h }', 'deadband: { percent: 10 }']) {
      const { send, kept } = gateway(`[{ ${step} }]`);
      await send({ temperature: 1e9 });
      await send({ temperature: 20 });
      await send({ temperature: 20 });
      await send({ temperature: -127 });
      await send({ temperature: 20.1 });
      const rejected = step.startsWith('deadband') ? ['VALUE_OUT_OF_RANGE'] : [];
      expect(kept).toEqual(['VALUE_OUT_OF_RANGE', 'temperature 20 Cel', ...rejected]);
    }
  });

  test('a repeat that the buffer knows changes nothing', async () => {
    const { send, kept, answerWith } = gateway(deadband);
    await send({ t: 20 });
    await send({ t: 30 });
    answerWith('duplicate');
    await send({ t: 20 }, { dup: 1 });
    answerWith('stored');
    await send({ t: 30.5 });
    expect(kept).toEqual(['t 20 1', 't 30 1']);
  });

  test('a message of which all is dropped is stored with its id and nothing else', async () => {
    const { send, submitted } = gateway(deadband);
    await send({ t: 20 });
    await send({ t: 20 });
    expect(submitted[1]?.submission).toEqual({ entries: [], id: expect.objectContaining({ packetId: 2 }) });
  });

  test('one without an id does not need the disk', async () => {
    const { decoder, submitted } = gateway('[{ drop: {} }]');
    const message = { source: 'mqtt', topic: 'devices/d/x', payload: Buffer.from('1') };
    const submit = () => expect.fail('was submitted');
    expect(await decoder.receive(message, NOW, submit).outcome).toBe('stored');
    expect(submitted).toEqual([]);
    expect(decoder.ruleCounts.mqtt?.dropped.condition).toBe(1);
  });

  test('what is dropped for one under way waits for it, and is dropped when that is stored', async () => {
    const { send, kept, submitted, hold } = gateway(deadband);
    hold();
    const first = send({ t: 20 });
    const second = send({ t: 20.5 });
    expect(submitted).toHaveLength(1);
    submitted[0]!.answer('stored');
    await first;
    await Promise.resolve();
    await expect.poll(() => submitted.length).toBe(2);
    submitted[1]!.answer('stored');
    expect(await second).toBe('stored');
    expect(kept).toEqual(['t 20 1']);
  });

  test('and is kept when that is refused', async () => {
    const { send, kept, submitted, hold, answerWith } = gateway(deadband);
    hold();
    const first = send({ t: 20 });
    const second = send({ t: 20.5 });
    answerWith('stored');
    submitted[0]!.answer('refused');
    expect(await Promise.all([first, second])).toEqual(['refused', 'stored']);
    expect(kept).toEqual(['t 20.5 1']);
  });

  test('and is kept when that was a repeat of something older', async () => {
    const { send, kept, submitted, hold, answerWith } = gateway(deadband);
    await send({ t: 20 });
    await send({ t: 30 });
    hold();
    const repeat = send({ t: 20 }, { dup: 1 });
    const next = send({ t: 20.1 });
    answerWith('stored');
    submitted[2]!.answer('duplicate');
    expect(await Promise.all([repeat, next])).toEqual(['duplicate', 'stored']);
    expect(kept).toEqual(['t 20 1', 't 30 1', 't 20.1 1']);
  });

  test('and then counts on nothing that is still under way', async () => {
    const { send, kept, submitted, hold } = gateway(deadband);
    hold();
    const outcomes = [send({ t: 20 }), send({ t: 21 }), send({ t: 22 })];
    expect(submitted).toHaveLength(2);
    submitted[0]!.answer('refused');
    await expect.poll(() => submitted.length).toBe(3);
    submitted[1]!.answer('refused');
    submitted[2]!.answer('stored');
    expect(await Promise.all(outcomes)).toEqual(['refused', 'stored', 'refused']);
    expect(kept).toEqual(['t 21 1']);
  });

  test('messages that lean on each other crosswise all end', async () => {
    const { send, kept, submitted, hold, answerWith } = gateway(deadband);
    hold();
    const outcomes = [send({ a: 0, b: 0 }), send({ a: 1, b: 9 }), send({ a: 2, b: 9 })];
    answerWith('stored');
    submitted[0]!.answer('refused');
    expect(await Promise.all(outcomes)).toEqual(['refused', 'stored', 'stored']);
    expect(kept).toEqual(expect.arrayContaining(['a 1 1', 'b 9 1']));
  });

  test('whatever is refused and sent again, no change is missing in the end', async () => {
    const plan = fc.array(
      fc.record({
        t: fc.integer({ min: 0, max: 6 }),
        outcome: fc.constantFrom<Outcome>('stored', 'stored', 'refused'),
        together: fc.boolean(),
      }),
      { minLength: 1, maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(plan, async (steps) => {
        const { decoder, kept, submit } = gateway(deadband);
        let outcomes: Outcome[] = [];
        const answers = async (submission: Submission): Promise<Outcome> => {
          const outcome = outcomes.shift() ?? 'stored';
          await Promise.resolve();
          return outcome === 'refused' ? outcome : submit(submission);
        };
        const message = (t: number, packetId: number): Message => ({
          source: 'mqtt',
          topic: 'devices/d/t',
          payload: Buffer.from(`${t}`),
          packet: { client: 'c', packetId, dup: false },
        });
        let waiting: Promise<unknown>[] = [];
        for (const [at, { t, outcome, together }] of steps.entries()) {
          outcomes = [outcome];
          const sent = (async () => {
            // As a device does it: until it is acknowledged.
            while ((await decoder.receive(message(t, at + 1), NOW, answers).outcome) === 'refused');
          })();
          waiting.push(sent);
          if (!together) await Promise.all(waiting.splice(0));
        }
        await Promise.all(waiting);
        waiting = [];
        // Every value that was acknowledged is within the band of one that was stored.
        const stored = kept.map((line) => Number(line.split(' ')[1]));
        for (const { t } of steps) expect(stored.some((value) => Math.abs(value - t) <= 1)).toBe(true);
      }),
    );
  });
});
