/**
 * The 1 min window in the core alone, without Kafka: `node bench/core.ts [events] [devices]`. Decoding is part of it, and so are the outputs and
 * changes, taken every 20,000 events as a commit would.
 */
import { TOPICS } from '../contract/index.ts';
import { compile, count, field, from, type InputRecord, job, max, mean, min } from '../streams/core/index.ts';
import { print, round, usage } from './settings.ts';

const [events = 2_000_000, devices = 1_000] = process.argv.slice(2).map(Number);
const COMMIT = 20_000;
const ROUNDS = 5;

const plan = from<{ device: string; value: number; ts: number }>(TOPICS.readings, { trusted: true }).windows({
  by: { device: field('device') },
  sizes: [{ ms: 60_000, to: TOPICS.readings1m }],
  select: { count: count(), mean: mean(field('value')), min: min(field('value')), max: max(field('value')) },
});

const start = Date.UTC(2026, 10, 2, 12);

/** One reading of each device in turn, a second of event time for each round; the bytes are made before the clock starts. */
function readings(from: number, length: number): InputRecord[] {
  return Array.from({ length }, (_, i) => {
    const at = from + i;
    const device = `device-${String(at % devices).padStart(5, '0')}`;
    const ts = start + Math.floor(at / devices) * 1_000;
    const value = (20 + 5 * Math.sin(at / 1_000)).toFixed(2);
    const text = `{"device":"${device}","metric":"temperature","value":${value},"ts":${ts}}`;
    return { key: device, value: Buffer.from(text), headers: {}, partition: 0, offset: at, appendedAt: ts };
  });
}

const task = compile(job('bench', plan))[0]!.createTask(0);
const rates: number[] = [];
const cpu = process.cpuUsage();
let rows = 0;
for (let round = 0; round < ROUNDS; round++) {
  let busy = 0;
  for (let done = 0; done < events / ROUNDS; done += COMMIT) {
    const records = readings((round * events) / ROUNDS + done, COMMIT);
    const before = process.cpuUsage();
    for (const record of records) task.process('iot.readings', record);
    rows += task.takeOutputs().length;
    for (const change of task.takeChanges()) JSON.stringify(change.value);
    const { user, system } = process.cpuUsage(before);
    busy += (user + system) / 1e6;
  }
  rates.push(events / ROUNDS / busy);
}
print({
  bench: 'core',
  eventsPerCpuSecond: round(rates.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)]!),
  bestEventsPerCpuSecond: round(Math.max(...rates)),
  rows,
  ...usage(cpu),
  events,
  devices,
});
