import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Alert, encode, type Silence } from '../../contract/index.ts';
import type { ChannelConfig } from '../../hub/alerts/index.ts';
import { type KafkaSettings, openProducer } from '../../kafka/index.ts';
import type { AlertOrders } from './alert-worker.ts';
import { type TestBed, until } from './testbed.ts';

const WORKER = fileURLToPath(new URL('alert-worker.ts', import.meta.url));

export interface AlertHub {
  readonly log: string[];
  /** Whether all tasks that it has run. */
  isReady(): boolean;
  kill(): Promise<void>;
  close(): Promise<void>;
}

/** A hub process with nothing but its alerts. */
export function startAlertHub(bed: TestBed, orders: Omit<AlertOrders, 'kafka'>): AlertHub {
  const child: ChildProcess = fork(WORKER, [JSON.stringify({ ...orders, kafka: bed.as('hub') })], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const log: string[] = [];
  child.stderr!.on('data', (data) => log.push(String(data)));
  let ready = false;
  child.on('message', (message) => {
    ready = message as boolean;
  });
  const exited = once(child, 'exit');
  return {
    log,
    isReady: () => ready,
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    async close() {
      if (child.connected) child.send('close');
      const slow = setTimeout(() => child.kill('SIGKILL'), 20_000);
      await exited;
      clearTimeout(slow);
    },
  };
}

/** Settings of a channel as the hub's configuration gives them. */
export function channel(settings: { name: string } & Partial<Record<string, unknown>>): ChannelConfig {
  const all = { kind: 'webhook', severities: ['info', 'warning', 'critical'], match: [], resolved: true };
  return { ...all, ...settings } as unknown as ChannelConfig;
}

/** Says what the job of silent devices says, by which rules fire at once and without end. */
export async function openSilences(kafka: KafkaSettings) {
  const producer = await openProducer(kafka);
  const say = (state: Silence['state'], gateway: string, device: string | null): Silence => ({
    ...{
      id: `${gateway}/${device}`,
      series: device === null ? gateway : `${gateway}/${device}`,
      state,
      gateway,
      device,
    },
    ...{ kind: device === null ? 'gateway' : 'device', cause: 'no-readings', site: 'roof' },
    ...{ since: Date.now(), usualMs: null, ts: Date.now() },
  });
  const send = (silences: readonly Silence[]) =>
    producer.send([
      { topic: 'iot.silences', records: silences.map((silence) => ({ key: silence.series, value: encode(silence) })) },
    ]);
  return {
    devices: (state: Silence['state'], gateway: string, devices: readonly string[]) =>
      send(devices.map((device) => say(state, gateway, device))),
    gateway: (state: Silence['state'], gateway: string) => send([say(state, gateway, null)]),
    close: () => producer.close(),
  };
}

/** What a webhook was told, in the order of its arrival, repeats included. */
export function toldTo(
  received: readonly { body: string }[],
): { id: string; ts: number; alerts: Alert[]; state: string }[] {
  return received.map(({ body }) => JSON.parse(body));
}

/** Waits until the alerts that hubs were given are all in the hands of running tasks. */
export async function allReady(hubs: readonly AlertHub[]): Promise<void> {
  await until('every hub runs its tasks', 90, () => hubs.every((hub) => hub.isReady()));
}
