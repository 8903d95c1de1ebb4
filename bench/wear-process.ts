import { setTimeout as sleep } from 'node:timers/promises';
import { openBuffer } from '../gateway/buffer/index.ts';
import { round, usage } from './settings.ts';

/* What bench/wear.ts measures: MQTT devices at a rate, and Kafka 20 ms away. Prints one JSON line, and waits to be ended. */

const DEVICES = 20;
const KAFKA_MS = 20;
const [dir = '', ...numbers] = process.argv.slice(2);
const [rate, seconds, bytes] = numbers.map(Number) as [number, number, number];

const cpu = process.cpuUsage();
const buffer = await openBuffer({
  dir,
  maxBytes: 2 ** 30,
  maxAgeMs: 2 ** 40,
  whenFull: 'reject-new',
  liveWithinMs: 10_000,
});
let ended = false;

async function forward(): Promise<void> {
  for (let after = 0; !ended; ) {
    const found = await buffer.peek('live', after, { records: 5000, bytes: 900_000 });
    await sleep(KAFKA_MS);
    if (found.length === 0) continue;
    after = found.at(-1)!.sequence;
    void buffer.release('live', after);
  }
}

const forwarding = forward();
const startedAt = performance.now();
const elapsed = (): number => (performance.now() - startedAt) / 1000;
const waiting = new Set<PromiseLike<unknown>>();
let readings = 0;
while (elapsed() < seconds) {
  for (const due = Math.floor(elapsed() * rate); readings < due; readings++) {
    const client = `device-${readings % DEVICES}`;
    const packetId = (Math.floor(readings / DEVICES) % 65_535) + 1;
    const ts = Date.now();
    const value = JSON.stringify({ client, readings, ts }).padEnd(bytes);
    const submitted = buffer.submit({
      entries: [{ kind: 'reading', alarm: false, value, ts }],
      id: { kind: 'packet', client, packetId, dup: false, digest: readings },
    });
    waiting.add(submitted);
    void submitted.then(() => waiting.delete(submitted));
  }
  // As messages come: not all of a while at once.
  await sleep(Math.min(1000 / rate, 2));
}
await Promise.all(waiting);
const took = elapsed();
ended = true;
await forwarding;
await buffer.close();
console.log(JSON.stringify({ seconds: round(took, 2), readings, cpuSeconds: usage(cpu).cpuSeconds }));
setInterval(() => {}, 60_000);
