import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DevicesOptions, startDevices } from '../devices/index.ts';
import { startTransactions } from '../finance/index.ts';
import { attach, erasedEeprom, runBoard } from '../microcontrollers/index.ts';
import { startWeather } from '../weather/index.ts';
import { startWebLog } from '../web/index.ts';

export interface SiteOptions {
  /** Everything that is written lies here. */
  readonly dir: string;
  readonly seed: number;
  /** Left out: no MQTT devices. */
  readonly devices?: Omit<DevicesOptions, 'seed'>;
  readonly boards: number;
  /** Per second; 0 for none. */
  readonly requestRate: number;
  readonly transactionRate: number;
  /** Whether the weather of its sites is told, once a minute. */
  readonly weather: boolean;
}

export interface Site {
  /** Where the boards' serial lines are. */
  readonly lines: readonly { readonly device: string; readonly path: string }[];
  close(): Promise<void>;
}

const HOUR = 3_600_000;
const PLACES = [
  { id: 'riverside', sites: ['home', 'plant-north'], label: 'Riverside', meanC: 11 },
  { id: 'hillside', sites: ['plant-south', 'warehouse'], label: 'Hillside', meanC: 7 },
];

/** A whole made-up company: devices, boards, a shop's access log, a bank's transactions and the weather outside. */
export async function startSite(options: SiteOptions): Promise<Site> {
  const { dir, seed, requestRate, transactionRate } = options;
  mkdirSync(dir, { recursive: true });
  const closing: (() => Promise<void> | void)[] = [];
  if (requestRate > 0) {
    const file = join(dir, 'access.log');
    closing.push(
      startWebLog({ file, seed, ratePerSecond: requestRate, malformedShare: 0.0005, rotateEveryMs: HOUR }).close,
    );
  }
  if (transactionRate > 0) {
    const file = join(dir, 'transactions.jsonl');
    const accountsFile = join(dir, 'accounts.json');
    const options = { file, accountsFile, seed, ratePerSecond: transactionRate, accounts: 200, malformedShare: 0.0005 };
    closing.push(startTransactions({ ...options, rotateEveryMs: HOUR }).close);
  }
  if (options.weather) {
    closing.push(startWeather({ dir, seed, everyMs: 60_000, places: PLACES, rotateEveryMs: 24 * HOUR }).close);
  }
  const registry = [];
  const lines = [];
  for (let i = 1; i <= options.boards; i++) {
    const device = `mc-${i}`;
    const board = runBoard({
      deviceId: device,
      eeprom: erasedEeprom(),
      keepTruth: false,
      sensors: (t) => climateAt(t, i),
    });
    const { path, close } = await attach(board, { dir: join(dir, 'lines'), name: device });
    lines.push({ device, path });
    registry.push({ id: device, site: 'home', type: 'climate board', label: `Climate board ${i}` });
    closing.push(async () => {
      board.close();
      await close();
    });
  }
  if (options.devices) {
    const devices = startDevices({ ...options.devices, seed });
    registry.push(...devices.registry());
    closing.push(devices.close);
  }
  writeFileSync(join(dir, 'devices.json'), `${JSON.stringify(registry, undefined, 1)}\n`);
  return {
    lines,
    async close() {
      await Promise.all(closing.map((close) => close()));
    },
  };
}

/** A room that is heated by day: 24 hours in ten minutes, so that a visitor sees it move. */
function climateAt(t: number, board: number) {
  const day = (2 * Math.PI * ((t / 600_000 + board * 0.2) % 1)) as number;
  return { temperatureC: 21 + 2.5 * Math.sin(day), humidityPct: 45 - 8 * Math.sin(day) };
}
