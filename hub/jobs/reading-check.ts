import { Clock, NAME, type Reading, timestamp } from '../../contract/index.ts';

const EARLIEST = timestamp.minValue!;
const LATEST = timestamp.maxValue!;
const CLOCKS: ReadonlySet<unknown> = new Set([undefined, ...Clock.options]);
const NAMES = ['device', 'gateway', 'site', 'metric'] as const;
const TIMES = ['ts', 'receivedAt'] as const;

/** Why a value is no `Reading`, or undefined where it is one. Says what the contract's schema says, several times faster: the intake asks for every reading. */
export function readingProblem(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'the value is not a JSON object';
  const reading = value as Record<keyof Reading, unknown>;
  for (const field of NAMES) {
    const name = reading[field];
    if (typeof name !== 'string' || !NAME.test(name))
      return `${field}: must be 1–64 of A–Z a–z 0–9 _ . : - and begin with a letter or digit`;
  }
  if (!Number.isFinite(reading.value)) return 'value: must be a finite number';
  const { unit } = reading;
  if (typeof unit !== 'string' || unit.length < 1 || unit.length > 32) return 'unit: must be a text of 1–32 characters';
  for (const field of TIMES) {
    const time = reading[field];
    if (!(Number.isSafeInteger(time) && (time as number) >= EARLIEST && (time as number) <= LATEST))
      return `${field}: must be an integer in ms within the years 2000–2100`;
  }
  if (!CLOCKS.has(reading.clock)) return `clock: must be one of ${Clock.options.join(', ')}`;
  return undefined;
}
