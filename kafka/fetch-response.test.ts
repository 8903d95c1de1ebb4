import Fetch from 'kafkajs/src/protocol/requests/fetch/index.js';
import { expect, test } from 'vitest';
import { type OnOutOfRange, readFetchesByBatch } from './fetch-response.ts';

readFetchesByBatch();

/** An answer without records, of partitions by number and error. */
function answer(topic: string, partitions: readonly (readonly [partition: number, errorCode: number])[]): Buffer {
  const bytes = Buffer.alloc(1_000);
  let at = 10;
  const int16 = (value: number) => {
    at = bytes.writeInt16BE(value, at);
  };
  const int32 = (value: number) => {
    at = bytes.writeInt32BE(value, at);
  };
  int32(1);
  int16(topic.length);
  at += bytes.write(topic, at);
  int32(partitions.length);
  for (const [partition, errorCode] of partitions) {
    int32(partition);
    int16(errorCode);
    at += 3 * 8;
    for (const nothing of [-1, -1, 0]) int32(nothing);
  }
  return bytes.subarray(0, at);
}

const asked = [
  {
    topic: 't',
    partitions: [
      { partition: 0, fetchOffset: '7', maxBytes: 1 },
      { partition: 1, fetchOffset: '8', maxBytes: 1 },
    ],
  },
];

test('a consumer that asks to hears of positions that the broker does not have, and no broker of the rack it is called by', async () => {
  const told: object[] = [];
  const onOutOfRange: OnOutOfRange = (at) => told.push(at);
  const { request, response } = Fetch.protocol({ version: 11 })({ topics: asked, rackId: onOutOfRange });
  await response.decode(
    answer('t', [
      [0, 0],
      [1, 1],
    ]),
  );
  expect(told).toEqual([{ topic: 't', partition: 1, offset: 8 }]);
  const encode = async (of: object) => (await (of as { encode(): Promise<{ buffer: Buffer }> }).encode()).buffer;
  const plain = Fetch.protocol({ version: 11 })({ topics: asked });
  expect(await encode(request)).toEqual(await encode(plain.request));
  await plain.response.decode(answer('t', [[0, 1]]));
  expect(told).toHaveLength(1);
});
