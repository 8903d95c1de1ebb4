import { createWriteStream } from 'node:fs';

/** One message of a device. `(device, ts)` is unique: a device's times only grow. */
export interface TruthRecord {
  /** By the device's clock, as it stands in the message. */
  readonly ts: number;
  readonly values: Readonly<Record<string, number>>;
  readonly malformed: boolean;
  readonly acknowledged: boolean;
}

export interface DeviceTruth {
  readonly device: string;
  /** Messages that were on the wire at least once, malformed ones included. */
  readonly sent: number;
  readonly acknowledged: number;
  readonly malformed: number;
  /** Messages given up before they were ever sent, because the device's store was full. */
  readonly givenUp: number;
  /** In the order of sending; empty unless they are to be kept. */
  readonly records: readonly TruthRecord[];
}

export interface Truth {
  open(device: string): DeviceLog;
  read(): DeviceTruth[];
  close(): Promise<void>;
}

export interface DeviceLog {
  sent(ts: number, values: Readonly<Record<string, number>>, malformed: boolean): MessageLog;
  givenUp(): void;
}

export interface MessageLog {
  acknowledged(): void;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * What the devices really sent and what they were told, to hold against what the platform says it got. With a file, also as JSON lines:
 * `{"event":"sent","device","ts","values"}` (`"malformed":true` where the bytes were spoilt) and `{"event":"acknowledged","device","ts"}`.
 */
export function openTruth(options: { readonly file?: string | undefined; readonly keep: boolean }): Truth {
  const devices: Mutable<DeviceTruth & { records: Mutable<TruthRecord>[] }>[] = [];
  const file = options.file === undefined ? undefined : createWriteStream(options.file, { flags: 'a' });
  const write = (line: object) => file?.write(`${JSON.stringify(line)}\n`);
  return {
    open(device) {
      const truth = {
        device,
        sent: 0,
        acknowledged: 0,
        malformed: 0,
        givenUp: 0,
        records: [] as Mutable<TruthRecord>[],
      };
      devices.push(truth);
      return {
        sent(ts, values, malformed) {
          truth.sent++;
          if (malformed) truth.malformed++;
          write({ event: 'sent', device, ts, values, ...(malformed && { malformed }) });
          const record: Mutable<TruthRecord> = { ts, values, malformed, acknowledged: false };
          if (options.keep) truth.records.push(record);
          return {
            acknowledged() {
              truth.acknowledged++;
              record.acknowledged = true;
              write({ event: 'acknowledged', device, ts });
            },
          };
        },
        givenUp() {
          truth.givenUp++;
        },
      };
    },
    read: () => devices.map((truth) => ({ ...truth, records: truth.records.map((record) => ({ ...record })) })),
    close: () => new Promise((resolve) => (file ? file.end(resolve) : resolve())),
  };
}
