/** What is known of a metric: its UCUM unit and the range outside which a value cannot be a measurement. */
export interface Metric {
  readonly unit: string;
  readonly min: number;
  readonly max: number;
}

/** The metrics Headwater knows by name; any other name is accepted with any finite value. */
export const METRICS: Readonly<Record<string, Metric>> = {
  temperature: { unit: 'Cel', min: -90, max: 1_000 },
  humidity: { unit: '%', min: 0, max: 100 },
  pressure: { unit: 'hPa', min: 100, max: 2_000 },
  vibration: { unit: 'mm/s', min: 0, max: 1_000 },
  voltage: { unit: 'V', min: -1_000_000, max: 1_000_000 },
  current: { unit: 'A', min: -1_000_000, max: 1_000_000 },
  power: { unit: 'W', min: -1_000_000_000, max: 1_000_000_000 },
  'cpu.load': { unit: '1', min: 0, max: 100_000 },
  'cpu.temperature': { unit: 'Cel', min: -90, max: 200 },
  'memory.used': { unit: '%', min: 0, max: 100 },
  'disk.used': { unit: '%', min: 0, max: 100 },
};

/** UCUM code of a metric's unit; "1" (dimensionless) where it is not known. */
export function unitOf(metric: string): string {
  return METRICS[metric]?.unit ?? '1';
}

/** Why `value` cannot be a measurement of `metric` in `unit`, or undefined when it can. A range counts only in the metric's own unit. */
export function outOfRange(metric: string, value: number, unit: string): string | undefined {
  if (!Number.isFinite(value)) return `${metric} is not a finite number`;
  const known = METRICS[metric];
  if (known === undefined || known.unit !== unit) return undefined;
  if (value >= known.min && value <= known.max) return undefined;
  return `${metric} ${value} ${unit} is outside ${known.min}…${known.max}`;
}
