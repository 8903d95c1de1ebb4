import { readdir, readFile, statfs } from 'node:fs/promises';
import os from 'node:os';
import type { Input, InputStatus, Receive } from '../input.ts';

export interface HostOptions {
  /** Name of the device that the readings belong to. */
  readonly device: string;
  readonly everyMs: number;
  /** The file system of this folder is the one whose use is reported. */
  readonly diskDir: string;
}

/** The machine the gateway runs on, as a device: load, memory, disk, and the processor's temperature where the machine tells it. */
export function hostInput({ device, everyMs, diskDir }: HostOptions): Input {
  let timer: NodeJS.Timeout | undefined;
  let status: InputStatus = { state: 'waiting', detail: 'not started', messages: 0, lost: 0 };

  async function measure(receive: Receive): Promise<void> {
    const values = await readHost(diskDir);
    if (timer === undefined) return;
    const payload = Buffer.from(JSON.stringify({ device, values }));
    status = { ...status, state: 'ok', detail: `every ${everyMs / 1_000} s`, messages: status.messages + 1 };
    const outcome = await receive({ source: 'host', payload }).outcome;
    if (outcome === 'refused') status = { ...status, lost: status.lost + 1 };
  }

  return {
    name: 'host',
    async start(receive) {
      const tick = () =>
        measure(receive).catch((error: Error) => {
          status = { ...status, state: 'failed', detail: error.message };
        });
      timer = setInterval(tick, everyMs);
      void tick();
    },
    status: () => status,
    async close() {
      clearInterval(timer);
      timer = undefined;
    },
  };
}

/** What the machine tells of itself, by metric name, in the units of the contract. */
export async function readHost(diskDir: string): Promise<Record<string, number>> {
  const [free, disk, temperature] = await Promise.all([availableMemory(), statfs(diskDir), processorTemperature()]);
  const usable = disk.blocks - disk.bfree + disk.bavail;
  return {
    'cpu.load': round(os.loadavg()[0] ?? 0),
    'memory.used': round(100 * (1 - free / os.totalmem())),
    'disk.used': round(usable === 0 ? 0 : 100 * (1 - disk.bavail / usable)),
    ...(temperature !== undefined && { 'cpu.temperature': round(temperature) }),
  };
}

/** Linux counts what it could give back at once as available; `os.freemem` would call a busy file cache a full memory. */
async function availableMemory(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '');
  const kib = /^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1];
  return kib === undefined ? os.freemem() : Number(kib) * 1_024;
}

/** The hottest thermal zone in °C; undefined where there is none, as in most virtual machines and on macOS. */
async function processorTemperature(): Promise<number | undefined> {
  const root = '/sys/class/thermal';
  const zones = (await readdir(root).catch(() => [])).filter((entry) => entry.startsWith('thermal_zone'));
  const texts = await Promise.all(zones.map((zone) => readFile(`${root}/${zone}/temp`, 'utf8').catch(() => '')));
  // A zone that is switched off reads as empty or as an error, one without a sensor as a number below freezing.
  const degrees = texts.filter((text) => text !== '').map((text) => Number(text) / 1_000);
  const sensible = degrees.filter((degree) => degree > 0 && degree < 150);
  return sensible.length === 0 ? undefined : Math.max(...sensible);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
