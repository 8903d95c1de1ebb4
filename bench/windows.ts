import { TOPICS, type Topic } from '../contract/index.ts';
import { type KafkaSettings, openProducer } from '../kafka/index.ts';
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
  const settings = readSettings(args, { events: 1_000_000, devices: 1_000, warmUp: 0, everyMs: 1_000 });
  const cluster = await startBenchCluster([events, results, state]);
  try {
    const total = settings.events + settings.warmUp;
    await fill(cluster.as('admin'), { ...settings, total });
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

interface Load {
  readonly total: number;
  readonly devices: number;
  /** Event time between two readings of a device, ms. */
  readonly everyMs: number;
}

/** 80 B JSON values, one reading of each device in turn. */
async function fill(kafka: KafkaSettings, { total, devices, everyMs }: Load): Promise<void> {
  const producer = await openProducer(kafka);
  const start = Date.now() - Math.ceil(total / devices) * everyMs;
  for (let sent = 0; sent < total; ) {
    const records = [];
    for (; records.length < 5_000 && sent < total; sent++) {
      const device = `device-${String(sent % devices).padStart(5, '0')}`;
      const value = (20 + 5 * Math.sin(sent / 1_000)).toFixed(2);
      const ts = start + Math.floor(sent / devices) * everyMs;
      records.push({ key: device, value: `{"device":"${device}","metric":"temperature","value":${value},"ts":${ts}}` });
    }
    await producer.send([{ topic: events.name, records }]);
  }
  await producer.close();
}
