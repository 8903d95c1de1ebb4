import { randomBytes } from 'node:crypto';
import type { SimulatedDevice } from './plan.ts';
import type { Outgoing } from './publisher.ts';
import type { DeviceLog, MessageLog } from './truth.ts';

/** mm/s beyond which a machine calls for help. */
const ALARM_VIBRATION = 12;

export interface Composer {
  /** The device's next message, measured at `t` (ms since the epoch, true time). */
  compose(t: number): Outgoing;
}

export interface ComposerOptions {
  readonly log: DeviceLog;
  /** How far the device's clock is off. It then tells when it sends, so that the gateway can know. */
  readonly clockOffMs: number;
  /** Share of the messages whose bytes are spoilt. */
  readonly malformedShare: number;
  readonly now: () => number;
}

/** Puts a device's measurements into messages, in its own form. */
export function composer(device: SimulatedDevice, { log, clockOffMs, malformedShare, now }: ComposerOptions): Composer {
  const { id } = device.reference;
  // A new one at each start: frames of two runs of the same seed are not the same frames.
  const boot = randomBytes(4).toString('hex');
  let n = 0;
  let turn = 0;

  return {
    compose(t) {
      const measured = device.process(t);
      const ts = t + clockOffMs;
      const malformed = device.random.chance(malformedShare);
      const metrics = Object.keys(measured);
      const metric = device.form === 'one value at a time' ? metrics[turn++ % metrics.length]! : undefined;
      const values = metric === undefined ? measured : { [metric]: measured[metric]! };
      const frame = device.framed && !malformed ? { boot, n: ++n } : {};
      const alarm = (measured.vibration ?? 0) > ALARM_VIBRATION ? { alarm: true } : {};
      let message: MessageLog | undefined;
      return {
        topic: metric === undefined ? `devices/${id}` : `devices/${id}/${metric}`,
        payload() {
          const sentAt = clockOffMs === 0 ? {} : { sentAt: now() + clockOffMs };
          const body = { ts, ...sentAt, ...frame, ...alarm };
          const text = JSON.stringify(metric === undefined ? { ...body, values } : { ...body, value: values[metric] });
          return malformed ? spoil(text, device) : Buffer.from(text);
        },
        sent() {
          message = log.sent(ts, values, malformed);
        },
        acknowledged() {
          message?.acknowledged();
        },
        givenUp: () => log.givenUp(),
      };
    },
  };
}

/** What broken firmware and bad memory make of a message. None of it can be read as a whole reading. */
function spoil(text: string, { random }: SimulatedDevice): Buffer {
  return random.pick([
    () => Buffer.from(text.slice(0, Math.floor(text.length * (0.3 + 0.6 * random.uniform())))),
    () => Buffer.from(text.replace(/:(-?[\d.]+)(?=[,}])/g, ':NaN')),
    () => Buffer.from('ERR sensor timeout'),
    () => Buffer.from(Array.from({ length: 24 }, () => random.between(128, 255))),
    () => Buffer.alloc(0),
  ])();
}
