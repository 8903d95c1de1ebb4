import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBuffer } from '../gateway/buffer/index.ts';

/**
 * Submissions stored and acknowledged a second by the gateway's buffer alone, each 200 bytes with an MQTT packet id, `inFlight` unanswered at a
 * time. Prints one JSON line. Usage: node bench/buffer.ts [submissions] [in flight]
 */
const submissions = Number(process.argv[2] ?? 500_000);
const inFlight = Number(process.argv[3] ?? 1000);
const dir = mkdtempSync(join(tmpdir(), 'headwater-bench-'));
const buffer = await openBuffer({
  dir,
  maxBytes: 2 ** 31,
  maxAgeMs: 86_400_000,
  whenFull: 'reject-new',
  liveWithinMs: 10_000,
});

const padding = 'x'.repeat(120);
let sent = 0;
let stored = 0;
const waitsMs: number[] = [];

async function client(name: string): Promise<void> {
  for (let packetId = 1; sent < submissions; packetId = (packetId % 65_535) + 1) {
    const started = performance.now();
    const ts = Date.now();
    const value = JSON.stringify({ device: name, metric: 'temperature', value: sent++ / 10, ts, padding });
    const id = { kind: 'packet', client: name, packetId, dup: false, digest: sent } as const;
    const outcome = await buffer.submit({ entries: [{ kind: 'reading', alarm: false, value, ts }], id });
    if (outcome === 'stored') stored++;
    if (packetId % 16 === 0) waitsMs.push(performance.now() - started);
  }
}

const started = performance.now();
const cpu = process.cpuUsage();
await Promise.all(Array.from({ length: inFlight }, (_, at) => client(`client-${at % 100}`)));
const seconds = (performance.now() - started) / 1000;
const { user, system } = process.cpuUsage(cpu);
const rssMb = Math.round(process.memoryUsage.rss() / 1e6);
waitsMs.sort((a, b) => a - b);
await buffer.close();
rmSync(dir, { recursive: true });

console.log(
  JSON.stringify({
    bench: 'buffer',
    submissionsPerSecond: Math.round(stored / seconds),
    p50Ms: Number(waitsMs[Math.floor(waitsMs.length * 0.5)]?.toFixed(1)),
    p99Ms: Number(waitsMs[Math.floor(waitsMs.length * 0.99)]?.toFixed(1)),
    cpuSeconds: (user + system) / 1e6,
    rssMb,
    submissions,
    inFlight,
    bytes: 200,
  }),
);
