import { expect, test } from 'vitest';
import { Flow } from './flow.ts';

test('so many QoS 2 messages are held for all connections, and more when some were let go', () => {
  const flow = new Flow({ messages: 1, bytes: 1, unreleased: 3, unsent: 1, unsentInAll: 1 });
  const holdAll = () => [1, 2, 3, 4].map(() => flow.hold());
  expect(holdAll()).toEqual([true, true, true, false]);
  flow.letGo(2);
  expect(holdAll()).toEqual([true, true, false, false]);
});
