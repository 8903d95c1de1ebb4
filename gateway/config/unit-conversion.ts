/** How much of the base unit of its dimension one of a unit is, and what to add after that: base = value × factor + offset. */
type Unit = readonly [dimension: string, factor: number, offset?: number];

/** By UCUM code. Factors are exact by definition, but for those of torr-based pressures, which are exact by convention. */
const UNITS: Readonly<Record<string, Unit>> = {
  K: ['temperature', 1],
  Cel: ['temperature', 1, 273.15],
  '[degF]': ['temperature', 5 / 9, (459.67 * 5) / 9],
  Pa: ['pressure', 1],
  hPa: ['pressure', 100],
  kPa: ['pressure', 1_000],
  MPa: ['pressure', 1_000_000],
  bar: ['pressure', 100_000],
  mbar: ['pressure', 100],
  atm: ['pressure', 101_325],
  '[psi]': ['pressure', 6_894.757293168361],
  'mm[Hg]': ['pressure', 133.322387415],
  "[in_i'Hg]": ['pressure', 3_386.388640341],
  'm/s': ['speed', 1],
  'mm/s': ['speed', 0.001],
  'km/h': ['speed', 1 / 3.6],
  '[mi_i]/h': ['speed', 0.44704],
  '[kn_i]': ['speed', 1_852 / 3_600],
  J: ['energy', 1],
  kJ: ['energy', 1_000],
  MJ: ['energy', 1_000_000],
  'W.s': ['energy', 1],
  'W.min': ['energy', 60],
  'W.h': ['energy', 3_600],
  'kW.h': ['energy', 3_600_000],
  'MW.h': ['energy', 3_600_000_000],
  mW: ['power', 0.001],
  W: ['power', 1],
  kW: ['power', 1_000],
  MW: ['power', 1_000_000],
  mV: ['voltage', 0.001],
  V: ['voltage', 1],
  kV: ['voltage', 1_000],
  uA: ['current', 0.000_001],
  mA: ['current', 0.001],
  A: ['current', 1],
  '1': ['ratio', 1],
  '%': ['ratio', 0.01],
  '[ppth]': ['ratio', 0.001],
  '[ppm]': ['ratio', 0.000_001],
  '[ppb]': ['ratio', 0.000_000_001],
  mm: ['length', 0.001],
  cm: ['length', 0.01],
  m: ['length', 1],
  km: ['length', 1_000],
  '[in_i]': ['length', 0.0254],
  '[ft_i]': ['length', 0.3048],
  '[mi_i]': ['length', 1_609.344],
  mL: ['volume', 0.000_001],
  L: ['volume', 0.001],
  m3: ['volume', 1],
  '[gal_us]': ['volume', 0.003_785_411_784],
  'L/min': ['flow', 0.001 / 60],
  'L/h': ['flow', 0.001 / 3_600],
  'm3/h': ['flow', 1 / 3_600],
  g: ['mass', 0.001],
  kg: ['mass', 1],
  '[lb_av]': ['mass', 0.453_592_37],
  ms: ['time', 0.001],
  s: ['time', 1],
  min: ['time', 60],
  h: ['time', 3_600],
  d: ['time', 86_400],
};

/** What people write, beside the UCUM codes themselves. */
const ALIASES: Readonly<Record<string, string>> = {
  C: 'Cel',
  '°C': 'Cel',
  degC: 'Cel',
  F: '[degF]',
  '°F': '[degF]',
  degF: '[degF]',
  psi: '[psi]',
  mmHg: 'mm[Hg]',
  inHg: "[in_i'Hg]",
  mph: '[mi_i]/h',
  kn: '[kn_i]',
  kmh: 'km/h',
  Wmin: 'W.min',
  Wh: 'W.h',
  kWh: 'kW.h',
  MWh: 'MW.h',
  ppm: '[ppm]',
  ppb: '[ppb]',
  in: '[in_i]',
  ft: '[ft_i]',
  mi: '[mi_i]',
  l: 'L',
  lb: '[lb_av]',
};

/** Values of one unit in another. `unit` is the UCUM code of what comes out. */
export interface Conversion {
  readonly unit: string;
  convert(value: number): number;
}

/** The conversion between two units, each a UCUM code or a common name. Throws an `Error` that says why there is none. */
export function conversionOf(from: string, to: string): Conversion {
  const [source, target] = [unitNamed(from), unitNamed(to)];
  const [dimension, factor, offset = 0] = UNITS[source]!;
  const [into, intoFactor, intoOffset = 0] = UNITS[target]!;
  if (dimension !== into) throw new Error(`cannot make ${to} (${into}) of ${from} (${dimension})`);
  return {
    unit: target,
    convert:
      source === target ? (value) => value : (value) => tidy((value * factor + offset - intoOffset) / intoFactor),
  };
}

/** A computed value without the noise of binary fractions in its last digits. */
export function tidy(value: number): number {
  return Number(value.toPrecision(14));
}

function unitNamed(text: string): string {
  const code = Object.hasOwn(ALIASES, text) ? ALIASES[text]! : text;
  if (Object.hasOwn(UNITS, code)) return code;
  throw new Error(`does not know the unit "${text}"; it knows ${Object.keys(UNITS).join(', ')}`);
}
