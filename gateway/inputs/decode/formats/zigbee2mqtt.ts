import type { Json } from '../parsed.ts';
import { leavesOf } from './flatten.ts';
import { type Field, type FormatParser, fromFields, readObject } from './foreign.ts';

// Zigbee2MQTT publishes the state of each device as one JSON object under zigbee2mqtt/<friendly name>; the name may have slashes.

const UNITS: Readonly<Record<string, string>> = {
  temperature: 'Cel',
  device_temperature: 'Cel',
  cpu_temperature: 'Cel',
  local_temperature: 'Cel',
  soil_temperature: 'Cel',
  occupied_heating_setpoint: 'Cel',
  current_heating_setpoint: 'Cel',
  humidity: '%',
  soil_moisture: '%',
  battery: '%',
  position: '%',
  pressure: 'hPa',
  illuminance: 'lx',
  illuminance_lux: 'lx',
  power: 'W',
  power_apparent: 'V.A',
  power_reactive: 'V.A{reactive}',
  current: 'A',
  energy: 'kW.h',
  produced_energy: 'kW.h',
  energy_produced: 'kW.h',
  ac_frequency: 'Hz',
  co2: '[ppm]',
  eco2: '[ppm]',
  co: '[ppm]',
  voc: 'ug/m3',
  pm1: 'ug/m3',
  pm10: 'ug/m3',
  pm25: 'ug/m3',
  formaldehyd: 'mg/m3',
  hcho: 'mg/m3',
  noise: 'dB',
  angle: 'deg',
};
/** Of the device’s firmware, its colour as a lamp, and when it was heard: nothing that was measured. */
const IGNORED = new Set(['update', 'update_available', 'color', 'color_options', 'last_seen', 'device', 'elapsed']);
/** A phase, a channel or an endpoint after the name of what is measured: `power_phase_b`, `current_a`, `power_l2`. */
const PART = /_(phase_[a-c]|[a-d]|l?[1-8]|left|right)$/;
const POSITIONS: Readonly<Record<string, number>> = { ON: 1, OFF: 0 };
/** The bridge’s own messages, who is reachable, and commands to devices. */
const NO_STATE = /^bridge(\/|$)|\/(availability|set|get)$|\/(set|get)\//;

export const zigbee2mqttParser: FormatParser = ({ device = '' }, payload) => {
  if (NO_STATE.test(device)) return [];
  const json = readObject(payload);
  if (Array.isArray(json)) return json;
  const fields = Object.entries(json).flatMap(([key, value]) =>
    IGNORED.has(key) ? [] : leavesOf(value).flatMap((leaf) => fieldOf([key, ...leaf.path], leaf.value, json)),
  );
  return fields.length === 0 ? [] : [fromFields(device, fields)];
};

function fieldOf(path: readonly string[], value: unknown, json: Json): Field[] {
  const metric = path.join('.');
  if (typeof value === 'boolean') return [{ metric, value: Number(value), unit: '1' }];
  if (typeof value === 'number') return [{ metric, value, unit: unitOf(metric, json) }];
  // `state`, `state_left`, `state_l1`: a switch.
  if (typeof value !== 'string' || !/^state(_|$)/.test(metric) || !Object.hasOwn(POSITIONS, value)) return [];
  return [{ metric, value: POSITIONS[value], unit: '1' }];
}

function unitOf(metric: string, json: Json): string {
  // A battery's voltage is told in mV, that of the mains in V.
  if (metric === 'voltage') return Object.hasOwn(json, 'battery') ? 'mV' : 'V';
  if (Object.hasOwn(UNITS, metric)) return UNITS[metric]!;
  const whole = metric.replace(PART, '');
  if (whole === 'voltage') return 'V';
  return Object.hasOwn(UNITS, whole) ? UNITS[whole]! : '1';
}
