import { setTimeout as sleep } from 'node:timers/promises';
import type { Device } from '../../contract/index.ts';
import { type Composer, composer } from './message.ts';
import { planDevices, type SimulatedDevice } from './plan.ts';
import { type Outgoing, openPublisher, type Publisher, type PublisherOptions } from './publisher.ts';
import { type DeviceTruth, openTruth } from './truth.ts';

export { planDevices, type SimulatedDevice } from './plan.ts';
export type { DeviceTruth, TruthRecord } from './truth.ts';

export interface DevicesOptions extends Omit<PublisherOptions, 'clientId'> {
  readonly count: number;
  /** Messages a second of each device. */
  readonly ratePerDevice: number;
  /** The same seed gives the same devices, which measure the same at the same times. */
  readonly seed: number;
  /** Connections that the devices share; one for each device, but at most 50, unless given. */
  readonly connections?: number;
  /** Sensor faults and network outages; on unless switched off. */
  readonly faults?: boolean;
  /** Share of the messages whose bytes are spoilt; 0.0005 unless given. */
  readonly malformedShare?: number;
  /** How far the clocks of some devices are off, in ms, by device id. These devices tell `sentAt`. */
  readonly wrongClocks?: Readonly<Record<string, number>>;
  /** Where to append what was sent and acknowledged, a JSON object a line. */
  readonly truthFile?: string;
  /** Keep every record for `truth()`; without it, only counts. */
  readonly keepTruth?: boolean;
}

export interface Devices {
  /** What each device sent and what of it was acknowledged. */
  truth(): DeviceTruth[];
  registry(): Device[];
  /** Stops measuring, waits up to 2 s for what is under way to be acknowledged, and disconnects. */
  close(): Promise<void>;
}

const TICK_MS = 20;
/** A process that slept longer than this measures on from now. */
const CATCH_UP_MS = 60_000;
const DRAIN_MS = 2_000;

interface Running {
  readonly device: SimulatedDevice;
  readonly composer: Composer;
  readonly publisher: Publisher;
  /** Measured while the device was offline, oldest first. */
  stored: Outgoing[];
  due: number;
}

/** Starts MQTT devices that publish to a broker with QoS 1 until they are closed. The broker may come later. */
export function startDevices(options: DevicesOptions): Devices {
  const { count, seed, ratePerDevice, malformedShare = 0.0005, wrongClocks = {} } = options;
  const period = 1_000 / ratePerDevice;
  const truth = openTruth({ file: options.truthFile, keep: options.keepTruth ?? false });
  const publishers = Array.from({ length: Math.min(count, options.connections ?? 50) }, (_, i) =>
    openPublisher({ ...options, clientId: `devices-${seed}-${i + 1}` }),
  );
  const start = Date.now();
  const running = planDevices(count, seed, options.faults ?? true).map((device, i): Running => {
    const { id } = device.reference;
    const clockOffMs = wrongClocks[id] ?? 0;
    return {
      device,
      composer: composer(device, { log: truth.open(id), clockOffMs, malformedShare, now: Date.now }),
      publisher: publishers[i % publishers.length]!,
      stored: [],
      due: start + (i / count) * period,
    };
  });

  const timer = setInterval(() => {
    const now = Date.now();
    for (const one of running) {
      if (one.due < now - CATCH_UP_MS) one.due = now;
      for (; one.due <= now; one.due += period) measure(one);
    }
  }, TICK_MS);

  return {
    truth: () => truth.read(),
    registry: () => running.map(({ device }) => device.reference),
    async close() {
      clearInterval(timer);
      const deadline = Date.now() + DRAIN_MS;
      while (Date.now() < deadline && publishers.some((publisher) => publisher.pending() > 0)) await sleep(TICK_MS);
      for (const publisher of publishers) publisher.close();
      await truth.close();
    },
  };
}

function measure(one: Running): void {
  const t = Math.round(one.due);
  one.stored.push(one.composer.compose(t));
  if (one.device.offline(t)) return;
  for (const message of one.stored) one.publisher.publish(message);
  one.stored = [];
}
