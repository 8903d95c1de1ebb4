import type { Device } from '../../contract/index.ts';
import { type Random, seeded } from '../random/index.ts';
import { outages, withFaults } from './faults.ts';
import { climate, coldStore, machine, meter, type Process } from './physics.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** How a device puts its values on the wire. */
export type Form = 'all values' | 'one value at a time';

export interface SimulatedDevice {
  readonly reference: Device;
  readonly process: Process;
  /** Whether it is cut off from the network at a time, asked in order. */
  readonly offline: (t: number) => boolean;
  readonly form: Form;
  /** Numbers its frames, so that the gateway knows repeats by them; else only by MQTT's packet ids. */
  readonly framed: boolean;
  readonly random: Random;
}

interface Kind {
  readonly type: string;
  readonly prefix: string;
  readonly label: string;
  readonly form: Form;
  process(random: Random, nth: number): Process;
}

const KINDS: Record<'climate' | 'machine' | 'cold' | 'meter', Kind> = {
  climate: { type: 'climate sensor', prefix: 'climate', label: 'Room', form: 'all values', process: climate },
  cold: { type: 'cold store', prefix: 'cold', label: 'Cold store', form: 'one value at a time', process: coldStore },
  meter: { type: 'energy meter', prefix: 'meter', label: 'Meter', form: 'all values', process: meter },
  machine: {
    type: 'machine',
    prefix: 'machine',
    label: 'Machine',
    form: 'all values',
    // One machine in three has a bearing that wears.
    process: (random, nth) => machine(random, nth % 3 === 2),
  },
};
const MIX = ['climate', 'machine', 'climate', 'cold', 'machine', 'climate', 'meter', 'climate'] as const;
const SITES = ['plant-north', 'plant-south', 'warehouse'];

/** The same seed gives the same devices, which measure the same at the same times. */
export function planDevices(count: number, seed: number, faults: boolean): SimulatedDevice[] {
  const numbers = new Map<Kind, number>();
  return Array.from({ length: count }, (_, i) => {
    const kind = KINDS[MIX[i % MIX.length]!];
    const nth = (numbers.get(kind) ?? 0) + 1;
    numbers.set(kind, nth);
    const number = String(nth).padStart(2, '0');
    const random = seeded(seed * 100_003 + i);
    const process = kind.process(random, nth);
    return {
      reference: {
        id: `${kind.prefix}-${number}`,
        site: SITES[i % SITES.length]!,
        type: kind.type,
        label: `${kind.label} ${nth}`,
      },
      process: faults ? withFaults(process, random) : process,
      offline: faults ? outages(random, 15 * MINUTE, 40 * SECOND) : () => false,
      form: kind.form,
      framed: i % 2 === 1,
      random,
    };
  });
}
