import type { Json } from '../parsed.ts';
import { leavesOf } from './flatten.ts';
import { type Field, type FormatParser, fromFields, readObject } from './foreign.ts';

// Tasmota publishes every TelePeriod under tele/<topic>/SENSOR what its sensors say, one object for each, and under tele/<topic>/STATE how the
// device itself is. `Time` is the device's local time without its zone unless it was told to give seconds since 1970, there or in `Epoch`: the time of
// receipt is taken.

/** By the last part of a field's name. */
const UNITS: Readonly<Record<string, string>> = {
  Humidity: '%',
  Illuminance: 'lx',
  Light: '%',
  Noise: '%',
  AirQuality: '%',
  CarbonDioxide: '[ppm]',
  eCO2: '[ppm]',
  TVOC: '[ppb]',
  PM1: 'ug/m3',
  'PM2.5': 'ug/m3',
  PM10: 'ug/m3',
  Distance: 'cm',
  Power: 'W',
  ApparentPower: 'V.A',
  ReactivePower: 'V.A{reactive}',
  Voltage: 'V',
  Current: 'A',
  Frequency: 'Hz',
  Total: 'kW.h',
  Yesterday: 'kW.h',
  Today: 'kW.h',
  Period: 'W.h',
  ExportActive: 'kW.h',
  ExportReactive: 'kV.A.h{reactive}',
  Vcc: 'V',
  UptimeSec: 's',
  Dimmer: '%',
  Signal: 'dB{mW}',
  RSSI: '%',
};
/** Named after a unit that the message itself says. */
const TEMPERATURES = new Set(['Temperature', 'DewPoint', 'HeatIndex', 'FeelsLike', 'ObjectTMP', 'AmbientTMP']);
const PRESSURES = new Set(['Pressure', 'SeaPressure']);
const PRESSURE_UNITS: Readonly<Record<string, string>> = { hPa: 'hPa', mmHg: 'mm[Hg]', inHg: "[in_i'Hg]" };
const SWITCH = /^(POWER|Switch)\d*$/;
const POSITIONS: Readonly<Record<string, number>> = { ON: 1, OFF: 0 };

/** `path` of the topic says what it is: SENSOR and STATE are measurements, all others are ignored. */
export const tasmotaParser: FormatParser = ({ device = '', path }, payload) => {
  if (path !== 'SENSOR' && path !== 'STATE') return [];
  const json = readObject(payload);
  if (Array.isArray(json)) return json;
  const { Time: _time, Epoch: _epoch, ...measured } = json;
  const fields = leavesOf(measured).flatMap((leaf) => fieldOf(leaf.path, leaf.value, json));
  return fields.length === 0 ? [] : [fromFields(device, fields)];
};

function fieldOf(path: readonly string[], value: unknown, json: Json): Field[] {
  const metric = path.join('.');
  const name = path.findLast((part) => !/^\d+$/.test(part)) ?? '';
  if (typeof value === 'number') return [{ metric, value, unit: unitOf(name, json) }];
  if (typeof value === 'string' && SWITCH.test(name) && Object.hasOwn(POSITIONS, value)) {
    return [{ metric, value: POSITIONS[value], unit: '1' }];
  }
  return [];
}

function unitOf(name: string, { TempUnit, PressureUnit }: Json): string {
  // A second sensor of a kind has a number: Temperature1.
  const kind = /^PM\d/.test(name) ? name : name.replace(/\d+$/, '');
  if (TEMPERATURES.has(kind)) return TempUnit === 'F' ? '[degF]' : 'Cel';
  if (PRESSURES.has(kind)) return PRESSURE_UNITS[`${PressureUnit ?? 'hPa'}`] ?? 'hPa';
  const known = Object.hasOwn(UNITS, name) ? UNITS[name] : Object.hasOwn(UNITS, kind) ? UNITS[kind] : undefined;
  return known ?? '1';
}
