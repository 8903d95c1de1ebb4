import { TOPICS, type Topic } from '../contract/index.ts';
import { type KafkaSettings, openProducer } from '../kafka/index.ts';

export const EVENTS: Topic = { ...TOPICS.readings, name: 'bench.events', description: 'readings to aggregate' };
export const RESULTS: Topic = { ...TOPICS.readings1m, name: 'bench.events.windows', description: 'their windows' };
export const STATE: Topic = { ...TOPICS.readings, name: 'hub.bench-windows.state', description: 'state of the bench' };

/** A reading of 80 B as JSON; the devices come in turn. */
export function reading(number: number, devices: number, ts: number): { key: string; value: string } {
  const device = `device-${String(number % devices).padStart(5, '0')}`;
  const value = (20 + 5 * Math.sin(number / 1_000)).toFixed(2);
  return { key: device, value: `{"device":"${device}","metric":"temperature","value":${value},"ts":${ts}}` };
}

export interface Load {
  readonly total: number;
  readonly devices: number;
  /** Event time between two readings of a device, ms. */
  readonly everyMs: number;
}

/** Writes readings that end about now; gives the event time of the last one, ms since the epoch. */
export async function fill(kafka: KafkaSettings, { total, devices, everyMs }: Load): Promise<number> {
  const producer = await openProducer(kafka);
  const start = Date.now() - Math.ceil(total / devices) * everyMs;
  const at = (number: number) => start + Math.floor(number / devices) * everyMs;
  for (let sent = 0; sent < total; ) {
    const records = [];
    for (; records.length < 5_000 && sent < total; sent++) records.push(reading(sent, devices, at(sent)));
    await producer.send([{ topic: EVENTS.name, records }]);
  }
  await producer.close();
  return at(total - 1);
}
