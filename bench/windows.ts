import { TOPICS, type Topic } from '../contract/index.ts';
import { openProducer } from '../kafka/index.ts';
import { count, field, from, job, max, mean, min } from '../streams/core/index.ts';
import { inProcess, startBenchCluster } from './cluster.ts';
import { print, readSettings } from './settings.ts';

const events: Topic = { ...TOPICS.readings, name: 'bench.events', description: 'readings to aggregate' };
const results: Topic = { ...TOPICS.readings1m, name: 'bench.events.1m', description: 'windows of 1 min' };
const state: Topic = { ...TOPICS.readings, name: 'hub.bench-windows.state', description: 'state of the bench' };

/** The 1 min window by device over readings that are on the topic already. */
export const benchJob = job(
  'bench-windows',
  from<{ device: string; value: number; ts: number }>(events, { trusted: true }).windows({
    by: { device: field('device') },
    sizes: [{ ms: 60_000, to: results }],
    select: { count: count(), mean: mean(field('value')), min: min(field('value')), max: max(field('value')) },
  }),
);

export interface WindowsAnswer {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly rssMb: number;
}

export async function run(args: string[]): Promise<void> {
  const settings = readSettings(args, { events: 1_000_000, devices: 1_000, warmUp: 0 });
  const cluster = await startBenchCluster([events, results, state]);
  try {
    const total = settings.events + settings.warmUp;
    await fill(cluster.as('admin'), total, settings.devices);
    const answer = await inProcess<WindowsAnswer>('./windows-process.ts', {
      kafka: cluster.as('admin'),
      warmUp: settings.warmUp,
      total,
    });
    print({
      bench: 'windows',
      eventsPerSecond: Math.round(settings.events / answer.seconds),
      eventsPerCpuSecond: Math.round(settings.events / answer.cpuSeconds),
      cpuSeconds: answer.cpuSeconds,
      rssMb: answer.rssMb,
      ...settings,
    });
  } finally {
    await cluster.close();
  }
}

/** 80 B JSON values, one reading of each device in turn, one minute of event time for each 60 rounds. */
async function fill(kafka: Parameters<typeof openProducer>[0], total: number, devices: number): Promise<void> {
  const producer = await openProducer(kafka);
  const start = Date.now() - total;
  for (let sent = 0; sent < total; ) {
    const records = [];
    for (; records.length < 5_000 && sent < total; sent++) {
      const device = `device-${String(sent % devices).padStart(5, '0')}`;
      const value = (20 + 5 * Math.sin(sent / 1_000)).toFixed(2);
      const text = `{"device":"${device}","metric":"temperature","value":${value},"ts":${start + Math.floor(sent / devices) * devices}}`;
      records.push({ key: device, value: text });
    }
    await producer.send([{ topic: events.name, records }]);
  }
  await producer.close();
}
