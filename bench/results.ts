import { setTimeout } from 'node:timers/promises';
import { openConsumer, openProducer } from '../kafka/index.ts';
import { startBenchCluster } from './cluster.ts';
import { print, readSettings } from './settings.ts';
import { runWindows } from './windows.ts';
import { EVENTS, RESULTS, reading, STATE } from './windows-load.ts';

/** The sources' `outOfOrderMs`: a window closes that long after its end. */
const OUT_OF_ORDER_MS = 2_000;
const SEND_EVERY_MS = 20;

/**
 * How long a window's result takes: from the making of the record that lets it close, until a consumer that sees what is committed has its row. The
 * windows are of a second, so that there are many.
 */
export async function run(args: string[]): Promise<void> {
  const settings = readSettings(args, { rate: 5_000, devices: 1_000, warmUpSeconds: 15, seconds: 60 });
  const { rate, devices, warmUpSeconds, seconds } = settings;
  const cluster = await startBenchCluster([EVENTS, RESULTS, STATE]);
  try {
    const kafka = cluster.as('admin');
    const total =
      Math.floor((rate * SEND_EVERY_MS) / 1_000) * Math.floor(((warmUpSeconds + seconds) * 1_000) / SEND_EVERY_MS);
    const producer = await openProducer(kafka);
    const sentAt: number[] = [];
    const seen: { end: number; at: number }[] = [];
    const reader = await openConsumer(kafka, {
      groupId: 'bench.results',
      topics: [RESULTS.name],
      onBatch: async ({ records }) => {
        const at = Date.now();
        for (const { value } of records) {
          const { windowEnd, revision } = JSON.parse(value!.toString()) as { windowEnd: number; revision: number };
          if (revision === 0) seen.push({ end: windowEnd, at });
        }
        return undefined;
      },
      onFailed: (error) => {
        throw error;
      },
    });
    const answer = runWindows({ kafka, job: 'secondWindows', warmUp: Math.floor(rate * warmUpSeconds), total });
    const startedAt = Date.now();
    for (let sent = 0; sent < total; ) {
      const now = Date.now();
      const due = Math.min(total, Math.floor(((now - startedAt) * rate) / 1_000));
      const records = [];
      for (; sent < due; sent++) records.push(reading(sent, devices, now));
      if (records.length > 0) {
        sentAt.push(now);
        await producer.send([{ topic: EVENTS.name, records }]);
      }
      await setTimeout(Math.max(0, SEND_EVERY_MS - (Date.now() - now)));
    }
    const { cpuSeconds, rssMb } = await answer;
    await setTimeout(500);
    await Promise.all([producer.close(), reader.close()]);

    const from = startedAt + warmUpSeconds * 1_000;
    const waits: number[] = [];
    let next = 0;
    for (const { end, at } of seen.sort((a, b) => a.end - b.end)) {
      while (next < sentAt.length && sentAt[next]! < end + OUT_OF_ORDER_MS) next++;
      if (next < sentAt.length && sentAt[next]! >= from) waits.push(at - sentAt[next]!);
    }
    waits.sort((a, b) => a - b);
    const quantile = (q: number) => waits[Math.ceil(q * waits.length) - 1];
    print({
      bench: 'results',
      p50Ms: quantile(0.5),
      p99Ms: quantile(0.99),
      maxMs: waits.at(-1),
      rows: waits.length,
      cpuSeconds,
      rssMb,
      ...settings,
    });
  } finally {
    await cluster.close();
  }
}
