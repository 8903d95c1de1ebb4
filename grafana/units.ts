import * as units from '@grafana/grafana-foundation-sdk/units';

/** Grafana's unit ids of UCUM codes. */
const BY_UCUM: Readonly<Record<string, string>> = {
  Cel: units.Celsius,
  '[degF]': units.Fahrenheit,
  K: units.Kelvin,
  '%': units.Percent,
  Pa: units.Pascals,
  hPa: units.Hectopascals,
  kPa: units.Kilopascals,
  bar: units.Bars,
  mbar: units.Millibars,
  V: units.Volt,
  mV: units.MilliVolt,
  kV: units.KiloVolt,
  A: units.Ampere,
  mA: units.MilliAmpere,
  W: units.Watt,
  kW: units.KiloWatt,
  'W.h': units.WattHour,
  'kW.h': units.KiloWattHour,
  'm/s': units.MetersPerSecond,
  'km/h': units.KilometersPerHour,
  Hz: units.Hertz,
  lx: units.Lux,
  '[ppm]': units.PartsPerMillion,
  'ug/m3': units.MicrogramPerCubicMeter,
  'l/min': units.LitrePerMinute,
  By: units.BytesIEC,
  s: units.Seconds,
  ms: units.Milliseconds,
  '1': units.Number,
};

/** Grafana's id of a UCUM unit; one that Grafana does not know is written behind the number. */
export function grafanaUnit(ucum: string): string {
  return BY_UCUM[ucum] ?? `suffix: ${ucum}`;
}

/** The units that a chart of any metric gives its lines by, with those of all known metrics. */
export const KNOWN_UNITS: readonly string[] = [...new Set([...Object.keys(BY_UCUM), 'mm/s'])].filter((u) => u !== '1');
