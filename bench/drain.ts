import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Entry } from '../gateway/buffer/index.ts';
import { openBuffer } from '../gateway/buffer/index.ts';
import type { KafkaSettings } from '../kafka/index.ts';
import pkg from '../package.json' with { type: 'json' };
import { inProcess, startBenchCluster } from './cluster.ts';
import type { Drain, DrainAnswer } from './drain-process.ts';
import { unitEnvironment } from './gateway-program.ts';
import { print, readSettings, round } from './settings.ts';

/** Readings of one commit. */
const CHUNK = 2000;
const DEVICES = 100;

/** A backlog goes through the gateway's buffer and forwarder into a real broker, while live readings go on. */
export async function run(args: string[]): Promise<void> {
  const settings = readSettings(args, { readings: 1_000_000, liveRate: 100 });
  const cluster = await startBenchCluster();
  try {
    print({ bench: 'drain', ...(await measureDrain(cluster.as('gateway'), settings)), ...settings });
  } finally {
    await cluster.close();
  }
}

/** Fills a buffer of its own and drains it into the cluster, as gateway `bench`. */
export async function measureDrain(
  kafka: KafkaSettings,
  { readings, liveRate }: { readonly readings: number; readonly liveRate: number },
): Promise<DrainAnswer & { readonly filledPerSecond: number }> {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-bench-'));
  try {
    const startedAt = performance.now();
    await fill(dir, readings);
    const filledPerSecond = Math.round((readings / (performance.now() - startedAt)) * 1000);
    const drain: Drain = { kafka, dir, readings, liveRate };
    const asInTheField = { flags: pkg.gatewayFlags, env: unitEnvironment() };
    const answer = await inProcess<DrainAnswer>('./drain-process.ts', drain, asInTheField);
    return { filledPerSecond, ...answer };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** As an outage leaves it: the first readings in the live lane, the rest behind it in the backlog. */
async function fill(dir: string, readings: number): Promise<void> {
  const buffer = await openBuffer({
    dir,
    maxBytes: 2 ** 40,
    maxAgeMs: 2 ** 45,
    whenFull: 'reject-new',
    liveWithinMs: 0,
  });
  const start = Date.now() - readings * 10;
  let under: PromiseLike<unknown>[] = [];
  for (let from = 0; from < readings; from += CHUNK) {
    const entries: Entry[] = [];
    for (let n = from; n < Math.min(from + CHUNK, readings); n++)
      entries.push(reading(`mc-${n % DEVICES}`, n, start + n * 10));
    under.push(buffer.submit({ entries }));
    if (under.length === 4 || from === 0) {
      await Promise.all(under);
      under = [];
    }
  }
  await Promise.all(under);
  await buffer.close();
}

export function reading(device: string, n: number, ts: number): Entry {
  // About as random as a sensor's noise, and the same on every machine.
  const value = round(20 + ((n * 7919) % 1009) / 100, 2);
  const fields = {
    device,
    gateway: 'bench',
    site: 'bench',
    metric: 'temperature',
    value,
    unit: 'Cel',
    ts,
    receivedAt: ts,
  };
  return { kind: 'reading', alarm: false, value: JSON.stringify(fields), ts };
}
