import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';
import { expect, onTestFinished, test, vi } from 'vitest';
import './index.ts';

test('late answers are looked for while one is due, and not where none is', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const queue = new RequestQueue({
    maxInFlightRequests: 5,
    requestTimeout: 15_000,
    enforceRequestTimeout: true,
    clientId: 'test',
    broker: 'localhost:9092',
    logger: { debug() {}, warn() {} },
    isConnected: () => true,
  });
  const failed: string[] = [];
  const push = (correlationId: number) => {
    const reject = (error: Error) => failed.push(error.name);
    const entry = { correlationId, apiName: 'Produce', apiKey: 0, apiVersion: 7, resolve() {}, reject };
    queue.push({ entry, expectResponse: true, requestTimeout: 15_000, sendRequest() {} });
  };
  queue.scheduleRequestTimeoutCheck();
  expect(vi.getTimerCount()).toBe(0);
  push(1);
  queue.fulfillRequest({ correlationId: 1, payload: Buffer.alloc(0), size: 0 });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(vi.getTimerCount()).toBe(0);
  push(2);
  await vi.advanceTimersByTimeAsync(14_000);
  expect(failed).toEqual([]);
  await vi.advanceTimersByTimeAsync(3_000);
  expect(failed).toEqual(['KafkaJSRequestTimeoutError']);
  expect(vi.getTimerCount()).toBe(0);
  push(3);
  queue.destroy();
  // As after a new connection.
  queue.scheduleRequestTimeoutCheck();
  push(4);
  // And as after a second one that was made meanwhile.
  queue.scheduleRequestTimeoutCheck();
  await vi.advanceTimersByTimeAsync(17_000);
  expect(failed).toHaveLength(3);
});

test('a connection is looked after while a request waits, and left alone when none does', () => {
  const queue = new RequestQueue({
    maxInFlightRequests: 1,
    requestTimeout: 1_000,
    enforceRequestTimeout: false,
    clientId: 'test',
    broker: 'localhost:9092',
    logger: { debug() {}, warn() {} },
    isConnected: () => true,
  });
  onTestFinished(() => queue.destroy());
  const sent: number[] = [];
  const push = (correlationId: number) => {
    const entry = { correlationId, apiName: 'Produce', apiKey: 0, apiVersion: 7, resolve() {}, reject() {} };
    queue.push({ entry, expectResponse: true, requestTimeout: 1_000, sendRequest: () => sent.push(correlationId) });
  };
  const answer = (correlationId: number) => queue.fulfillRequest({ correlationId, payload: Buffer.alloc(0), size: 0 });

  push(1);
  expect(queue.throttleCheckTimeoutId).toBeNull();
  push(2);
  expect(sent).toEqual([1]);
  expect(queue.throttleCheckTimeoutId).not.toBeNull();
  answer(1);
  expect(sent).toEqual([1, 2]);
  clearTimeout(queue.throttleCheckTimeoutId!);
  queue.throttleCheckTimeoutId = null;
  answer(2);
  expect(queue.throttleCheckTimeoutId).toBeNull();
});
