import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Outcome } from '../buffer/index.ts';
import { Decoder } from './decode/decode.ts';
import type { Input, Message, Receive } from './input.ts';

/** A device on the other end of an input. */
export interface TestDevice {
  /** Sends one reading, or the given bytes as they are. */
  send(bytes?: Buffer): Promise<void>;
  /** How many messages were acknowledged; undefined where the way in has no acknowledgements. */
  acknowledged(): number | undefined;
  close(): Promise<void>;
}

export interface TestWay {
  readonly input: Input;
  /** Connects a device; called once the input was started. */
  connect(): Promise<TestDevice>;
}

/** Stands for the buffer: keeps what it is given and answers when the test says so. */
export function heldReceive() {
  const messages: Message[] = [];
  const answers: ((outcome: Outcome) => void)[] = [];
  const decoder = new Decoder({ gateway: 'gw', site: 'site' });
  let stumbles = false;
  const receive: Receive = (message) => {
    if (stumbles && message.problem === undefined) throw new Error('stumbled');
    messages.push(message);
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    answers.push(resolve);
    return decoder.receive(message, Date.now(), () => promise);
  };
  return {
    receive,
    messages,
    answer: (outcome: Outcome) => answers.shift()!(outcome),
    /** From now on messages that are no dead letters cannot be taken apart. */
    stumble() {
      stumbles = true;
    },
  };
}

/** What every way in promises. `open` makes one that listens or reads where nothing else does. */
export function describeInput(name: string, open: () => Promise<TestWay>): void {
  describe(`input ${name}`, () => {
    const closers: (() => Promise<void>)[] = [];
    afterEach(async () => {
      for (const close of closers.splice(0).reverse()) await close();
    });

    async function connected() {
      const way = await open();
      const held = heldReceive();
      await way.input.start(held.receive);
      closers.push(() => way.input.close());
      await vi.waitFor(() => expect(way.input.status().state).toBe('ok'));
      const device = await way.connect();
      closers.push(() => device.close());
      return { ...held, input: way.input, device };
    }

    test('acknowledges a message when it is stored, not before', async () => {
      const { device, messages, answer, input } = await connected();
      await device.send();
      await vi.waitFor(() => expect(messages).toHaveLength(1));
      expect(device.acknowledged() ?? 0).toBe(0);
      answer('stored');
      if (device.acknowledged() !== undefined) await vi.waitFor(() => expect(device.acknowledged()).toBe(1));
      expect(input.status()).toMatchObject({ state: 'ok', lost: 0 });
      expect(input.status().messages).toBeGreaterThanOrEqual(1);
    });

    test('acknowledges a repeat that is already stored', async () => {
      const { device, messages, answer } = await connected();
      await device.send();
      await vi.waitFor(() => expect(messages).toHaveLength(1));
      answer('duplicate');
      if (device.acknowledged() !== undefined) await vi.waitFor(() => expect(device.acknowledged()).toBe(1));
    });

    test('never acknowledges what the buffer refused', async () => {
      const { device, messages, answer, input } = await connected();
      await device.send();
      await vi.waitFor(() => expect(messages).toHaveLength(1));
      answer('refused');
      if (device.acknowledged() === undefined) await vi.waitFor(() => expect(input.status().lost).toBe(1));
      await new Promise((resolve) => setImmediate(resolve));
      expect(device.acknowledged() ?? 0).toBe(0);
    });

    // The host sends by itself, and nothing that could be wrong.
    if (name !== 'host') {
      test('makes a dead letter of a message at which the gateway stumbles, and acknowledges that', async () => {
        const { device, messages, answer, stumble } = await connected();
        stumble();
        await device.send();
        await vi.waitFor(() => expect(messages.map(({ problem }) => problem?.code)).toEqual(['NOT_UNDERSTOOD']));
        answer('stored');
        await vi.waitFor(() => expect(device.acknowledged()).toBe(1));
      });
    }

    test('gives its source with every message', async () => {
      const { device, messages, input } = await connected();
      await device.send();
      await vi.waitFor(() => expect(messages).toHaveLength(1));
      expect(messages[0]?.source).toBe(input.name);
    });

    test('closes while a message waits for the disk', async () => {
      const { device, messages, answer, input } = await connected();
      await device.send();
      await vi.waitFor(() => expect(messages).toHaveLength(1));
      await input.close();
      answer('stored');
    });
  });
}
