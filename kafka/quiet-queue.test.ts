import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';
import { expect, onTestFinished, test } from 'vitest';
import './index.ts';

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
