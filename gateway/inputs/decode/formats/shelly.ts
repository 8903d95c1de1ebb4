import { failed, isFiniteNumber, isObject, type Json, type Parsed, quote } from '../parsed.ts';
import { leavesOf } from './flatten.ts';
import { type Field, type FormatParser, fromFields, readNumber, readObject, readTime } from './foreign.ts';

// The first generation publishes each value under a topic of its own, shellies/<id>/relay/0/power, as plain text. From the second on, a device
// publishes a component's whole state as JSON under <id>/status/<component> and what has changed under <id>/events/rpc.

/** First generation, by the last part of the topic that is no number. */
const GEN1_UNITS: Readonly<Record<string, string>> = {
  power: 'W',
  reactive_power: 'V.A{reactive}',
  energy: 'W.min',
  returned_energy: 'W.min',
  total: 'W.h',
  total_returned: 'W.h',
  voltage: 'V',
  current: 'A',
  pf: '1',
  temperature: 'Cel',
  ext_temperature: 'Cel',
  humidity: '%',
  ext_humidity: '%',
  battery: '%',
  lux: 'lx',
  tilt: 'deg',
  pos: '%',
  adc: 'V',
};
const GEN1_STATES: Readonly<Record<string, number>> = { on: 1, off: 0, true: 1, false: 0, open: 1, close: 0 };
/** The same in Fahrenheit, what the device is and was told, and why it woke: no measurements. */
const GEN1_IGNORED =
  /(^|\/)(announce|info|command|set|status|settings|input_event|act_reasons|temperature_f|ext_temperatures_f?|ext_humidities|color)(\/|$)/;

/** Later generations, by the last part of a field's name. */
const GEN2_UNITS: Readonly<Record<string, string>> = {
  tC: 'Cel',
  rh: '%',
  lux: 'lx',
  percent: '%',
  brightness: '%',
  current_pos: '%',
  target_pos: '%',
  V: 'V',
  freq: 'Hz',
  rssi: 'dB{mW}',
};
/** What ends so, alone or after a phase: `voltage`, `a_voltage`, `total_act_energy`. */
const GEN2_ENDINGS: readonly (readonly [string, string])[] = [
  ['act_energy', 'W.h'],
  ['act_ret_energy', 'W.h'],
  ['total_act', 'W.h'],
  ['total_act_ret', 'W.h'],
  ['aprt_power', 'V.A'],
  ['power', 'W'],
  ['voltage', 'V'],
  ['current', 'A'],
  ['freq', 'Hz'],
];
/** Numbers of instances and of times, the same in Fahrenheit, and a breakdown of what `total` adds up. */
const GEN2_IGNORED = new Set([
  'id',
  'tF',
  'by_minute',
  'minute_ts',
  'timer_started_at',
  'timer_duration',
  'move_started_at',
  'errors',
  'script',
]);
const COMPONENT = /^[a-z0-9_]+:\d+$/;

/** `path` is the topic after the device's own part. */
export const shellyParser: FormatParser = ({ device = '', path = '' }, payload) => {
  if (path.startsWith('status/')) {
    const json = readObject(payload);
    return Array.isArray(json) ? json : compact(device, componentFields(path.slice('status/'.length), json));
  }
  if (path === 'events/rpc') return readNotification(device, payload);
  return readGen1(device, path, payload.toString('utf8'));
};

/** The topics of both generations, and what goes before the {path} of each. Those of the second have no common beginning. */
export const SHELLY_TOPICS: readonly (readonly [pattern: string, path: string])[] = [
  ['shellies/{device}/{path#}', ''],
  // Announcements of all devices.
  ['shellies/+', ''],
  ['{device}/status/{path#}', 'status/'],
  ['{device}/events/{path#}', 'events/'],
  ['{device}/online', 'online'],
];

function readGen1(device: string, path: string, text: string): Parsed[] {
  if (path === '' || GEN1_IGNORED.test(path) || path.startsWith('rpc') || path.startsWith('events')) return [];
  const parts = path.split('/');
  const metric = parts.join('.');
  const name = parts.findLast((part) => !/^\d+$/.test(part)) ?? '';
  const unit = Object.hasOwn(GEN1_UNITS, name) ? GEN1_UNITS[name] : undefined;
  const value = readNumber(text) ?? (Object.hasOwn(GEN1_STATES, text) ? GEN1_STATES[text] : undefined);
  if (value !== undefined) return [fromFields(device, [{ metric, value, unit: unit ?? '1' }])];
  // Other texts, such as a roller's "stop", are states without a number; where a number is due, they are wrong.
  if (unit === undefined) return [];
  return [failed('VALUE_NOT_A_NUMBER', `${metric} is ${quote(text)}, not a number`)];
}

function readNotification(device: string, payload: Buffer): Parsed[] {
  const json = readObject(payload);
  if (Array.isArray(json)) return json;
  const { method, params } = json;
  // Events are button presses and the like.
  if (method !== 'NotifyStatus' && method !== 'NotifyFullStatus') return [];
  if (!isObject(params)) return [failed('NOT_AN_OBJECT', `params is ${quote(params)}, not an object`)];
  const fields = Object.entries(params).flatMap(([component, state]) =>
    isObject(state) ? componentFields(component, state) : [],
  );
  const ts = isFiniteNumber(params.ts) ? readTime(params.ts, 's') : undefined;
  if (typeof ts === 'object') return [failed(ts.code, ts.reason)];
  return compact(device, fields, ts);
}

function compact(device: string, fields: Field[], ts?: number): Parsed[] {
  return fields.length === 0 ? [] : [fromFields(device, fields, ts)];
}

/** What a component measures. Those that stand for the device itself, such as sys and ble, measure nothing but the strength of its Wi-Fi. */
function componentFields(component: string, state: Json): Field[] {
  if (component === 'wifi') {
    return isFiniteNumber(state.rssi) ? [{ metric: 'wifi.rssi', value: state.rssi, unit: GEN2_UNITS.rssi }] : [];
  }
  if (!COMPONENT.test(component) || component.startsWith('script:')) return [];
  return leavesOf(state).flatMap(({ path, value }) => {
    if (path.some((part) => GEN2_IGNORED.has(part))) return [];
    if (typeof value !== 'number' && typeof value !== 'boolean') return [];
    const metric = [component, ...path].join('.');
    return { metric, value: Number(value), unit: typeof value === 'number' ? gen2Unit(path) : '1' };
  });
}

function gen2Unit(path: readonly string[]): string {
  const [name = '', of = ''] = [path.at(-1), path.at(-2)];
  // Of `aenergy` and `ret_aenergy` a sum of energy; that of an input's `counts` has none.
  if (name === 'total' && of.endsWith('energy')) return 'W.h';
  if (Object.hasOwn(GEN2_UNITS, name)) return GEN2_UNITS[name]!;
  return GEN2_ENDINGS.find(([ending]) => name.endsWith(ending))?.[1] ?? '1';
}
