import { openProducer } from '../kafka/index.ts';
import { startBenchCluster } from './cluster.ts';
import { print, readSettings, round } from './settings.ts';
import { runWindows } from './windows.ts';
import { EVENTS, fill, RESULTS, reading, STATE } from './windows-load.ts';

/** How long a step with many series is away: from the start of its process until it has processed new records in every partition. */
export async function run(args: string[]): Promise<void> {
  const settings = readSettings(args, { series: 1_000_000, readings: 1 });
  const cluster = await startBenchCluster([EVENTS, RESULTS, STATE]);
  try {
    const kafka = cluster.as('admin');
    const devices = settings.series;
    const total = devices * settings.readings;
    const last = await fill(kafka, { total, devices, everyMs: 20_000 });
    await runWindows({ kafka, job: 'minuteWindows', warmUp: 0, total });
    const producer = await openProducer(kafka);
    const records = Array.from({ length: EVENTS.partitions }, (_, partition) => ({
      // Of a minute that is open: a later one would close a window of every series besides.
      ...reading(partition, devices, last),
      partition,
    }));
    await producer.send([{ topic: EVENTS.name, records }]);
    await producer.close();
    const startedAt = Date.now();
    const again = await runWindows({ kafka, job: 'minuteWindows', warmUp: 0, total: records.length });
    print({
      bench: 'restart',
      secondsToNewRecords: round((again.reachedAt - startedAt) / 1_000, 2),
      cpuSeconds: again.cpuSeconds,
      rssMb: again.rssMb,
      ...settings,
    });
  } finally {
    await cluster.close();
  }
}
