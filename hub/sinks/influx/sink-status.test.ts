import { expect, test, vi } from 'vitest';
import type { ConsumerOptions } from '../../../kafka/index.ts';
import { InfluxConfig } from './config.ts';
import { startInfluxSink } from './sink.ts';

const opened = vi.hoisted((): ConsumerOptions[] => []);

vi.mock('../../../kafka/index.ts', () => ({
  openConsumer: async (_: unknown, options: ConsumerOptions) => {
    opened.push(options);
    options.onAssigned?.([{ topic: 't', partition: 0 }], true);
    return { pause() {}, resume() {}, commit: async () => {}, close: async () => {} };
  },
}));

test('a sink whose consumer failed is ready again when the next one has joined, also where no record comes', async () => {
  const warnings: string[] = [];
  const sink = startInfluxSink({
    kafka: { brokers: [], clientId: 'c', ca: '', username: 'u', password: 'p' },
    influx: InfluxConfig.parse({ url: 'http://127.0.0.1:1', tokenFile: '/nowhere' }),
    log: { info() {}, warn: (_, text) => warnings.push(text) },
  });
  await vi.waitUntil(() => opened.length === 1, { timeout: 30_000 });
  opened[0]!.onFailed(new Error('the coordinator is gone'));
  await vi.waitUntil(() => opened.length === 2, { timeout: 30_000 });
  expect(warnings).toEqual(['the coordinator is gone; trying again']);
  expect(sink.status().state).toBe('ready');
  await sink.close();
  expect(sink.status().state).toBe('closed');
});
