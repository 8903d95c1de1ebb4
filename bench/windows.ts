import pkg from '../package.json' with { type: 'json' };
import { count, field, from, job, max, mean, min } from '../streams/core/index.ts';
import { inProcess, startBenchCluster } from './cluster.ts';
import { print, readSettings } from './settings.ts';
import { EVENTS, fill, RESULTS, STATE } from './windows-load.ts';
import type { WindowsAnswer, WindowsTask } from './windows-process.ts';

/** By device, over readings that are on the topic already. */
const windowsOf = (ms: number) =>
  job(
    'bench-windows',
    from<{ device: string; value: number; ts: number }>(EVENTS, { trusted: true }).windows({
      by: { device: field('device') },
      sizes: [{ ms, to: RESULTS }],
      select: { count: count(), mean: mean(field('value')), min: min(field('value')), max: max(field('value')) },
    }),
  );

export const minuteWindows = windowsOf(60_000);
export const secondWindows = windowsOf(1_000);

/** Runs a windows job in a process of its own, with the flags and the environment of a hub, until it has read `total` events. */
export const runWindows = (task: WindowsTask): Promise<WindowsAnswer> =>
  inProcess('./windows-process.ts', task, { flags: pkg.hubFlags, env: pkg.hubEnv });

export async function run(args: string[]): Promise<void> {
  const settings = readSettings(args, { events: 1_000_000, devices: 1_000, warmUp: 0, everyMs: 1_000 });
  const cluster = await startBenchCluster([EVENTS, RESULTS, STATE]);
  try {
    const { events, warmUp } = settings;
    const total = events + warmUp;
    const kafka = cluster.as('admin');
    await fill(kafka, { ...settings, total });
    const answer = await runWindows({ kafka, job: 'minuteWindows', warmUp, total });
    print({
      bench: 'windows',
      eventsPerSecond: Math.round(events / answer.seconds),
      eventsPerCpuSecond: Math.round(events / answer.cpuSeconds),
      cpuSeconds: answer.cpuSeconds,
      rssMb: answer.rssMb,
      ...settings,
    });
  } finally {
    await cluster.close();
  }
}
