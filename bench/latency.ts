import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { headwater } from '../cli/support.ts';
import { provision } from '../hub/topics/index.ts';
import { startPlatform } from '../infra/local/index.ts';
import { print, readSettings, round } from './settings.ts';

interface Summary {
  readonly readingsPerSecond: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number };
}

/** From a reading's receipt at the gateway to the moment it leaves for an open page, with everything else running. */
export async function run(args: string[]): Promise<void> {
  // A message of a simulated device carries 2.4 readings on average.
  const settings = readSettings(args, { devices: 50, messagesPerDevice: 8.4, warmUpSeconds: 60, seconds: 60 });
  const dir = mkdtempSync(join(tmpdir(), 'headwater-bench-'));
  const platform = await startPlatform({
    dir,
    brokers: 1,
    simulate: ['--devices', String(settings.devices), '--rate', String(settings.messagesPerDevice)],
    program: headwater,
    provision,
    onProgress: () => {},
  });
  const page = new AbortController();
  try {
    const open = readOpenPage(`${platform.page}/events`, page.signal);
    await sleep(settings.warmUpSeconds * 1000);
    const samples: Summary[] = [];
    // The summary speaks of the last minute.
    for (let second = 0; second < settings.seconds; second++) {
      await sleep(1000);
      samples.push((await (await fetch(`${platform.page}/api/summary`)).json()) as Summary);
    }
    page.abort();
    const bytes = await open;
    await platform.drain();
    const { readings, peakMemoryMb, firstChartMs } = await platform.figures();
    const last = samples.at(-1)!;
    print({
      bench: 'latency',
      readingsPerSecond: round(samples.reduce((sum, s) => sum + s.readingsPerSecond, 0) / samples.length),
      p50Ms: last.latencyMs.p50,
      p99Ms: last.latencyMs.p99,
      firstChartMs,
      lost: readings.lost,
      pageBytesPerSecond: round(bytes / (settings.seconds + settings.warmUpSeconds)),
      rssMb: round(Object.values(peakMemoryMb).reduce((sum, mb) => sum + mb, 0)),
      rssMbOf: Object.fromEntries(Object.entries(peakMemoryMb).map(([name, mb]) => [name, round(mb)])),
      ...settings,
    });
  } finally {
    page.abort();
    await platform.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Reads the page's events as a browser would, until aborted; gives the bytes it got. */
async function readOpenPage(url: string, signal: AbortSignal): Promise<number> {
  let bytes = 0;
  try {
    const response = await fetch(url, { signal });
    for await (const chunk of response.body!) bytes += chunk.length;
  } catch {
    // Aborted.
  }
  return bytes;
}
