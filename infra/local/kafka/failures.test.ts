import { expect, test } from 'vitest';
import { hintFor } from './failures.ts';

test.each([
  ['java.io.IOException: No space left on device', /disk is full/],
  [
    'org.apache.kafka.common.KafkaException: Socket server failed to bind to 127.0.0.1:9092: Address already in use.',
    /port/,
  ],
  ['Failed to acquire lock on file .lock in /data', /Another broker uses its data folder/],
  ['Terminating due to java.lang.OutOfMemoryError: Java heap space', /heap was too small/],
  ['There is insufficient memory for the Java Runtime Environment to continue.', /too little free memory/],
  ['java.lang.RuntimeException: Error: node ID not found in /data', /--fresh/],
  ['RuntimeException: Invalid cluster.id in: /data/meta.properties', /--fresh/],
])('%s', (line, hint) => {
  expect(hintFor({ lastLines: ['INFO fine', line], signal: null })).toMatch(hint);
});

test('a broker killed without a word', () => {
  expect(hintFor({ lastLines: [], signal: 'SIGKILL' })).toMatch(/killed from outside/);
});

test('words that mean nothing known are left to the log', () => {
  expect(hintFor({ lastLines: ['WARN something else'], signal: null })).toBeUndefined();
});
