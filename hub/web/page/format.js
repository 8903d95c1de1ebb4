// Numbers, units and times as people read them.

/** UCUM codes whose usual sign is another. */
const SIGNS = {
  1: '',
  Cel: '°C',
  '[degF]': '°F',
  deg: '°',
  Ohm: 'Ω',
  'ug/m3': 'µg/m³',
  'm/s2': 'm/s²',
  'kW.h': 'kWh',
  By: 'B',
};
const NARROW_SPACE = '\u202f';
const NONE = '–';

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 2 });

/** The sign of a UCUM unit. */
export const sign = (ucum) => SIGNS[ucum] ?? ucum;

/** A count: in full as long as it fits a tile. */
export const count = (n) => (n < 10_000_000 ? whole : short).format(n);

/** A measured value with about four digits that matter. */
export function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  const size = Math.abs(value);
  if (size >= 1e7 || (size > 0 && size < 1e-3)) return value.toExponential(2);
  const digits = size >= 1_000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 3;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function measured(value, ucum) {
  const unit = sign(ucum);
  return unit === '' ? number(value) : number(value) + NARROW_SPACE + unit;
}

export function percent(share) {
  const digits = share > 0 && share < 0.1 ? 1 : 0;
  return `${(share * 100).toFixed(digits)}${NARROW_SPACE}%`;
}

export function rate(perSecond) {
  return perSecond >= 100 ? whole.format(perSecond) : perSecond.toFixed(1);
}

export function millis(ms) {
  if (ms === null || ms === undefined) return NONE;
  if (ms < 10) return `${ms.toFixed(1)}${NARROW_SPACE}ms`;
  return ms < 10_000 ? `${whole.format(ms)}${NARROW_SPACE}ms` : `${(ms / 1000).toFixed(1)}${NARROW_SPACE}s`;
}

export function bytes(n) {
  if (n === null || n === undefined) return NONE;
  const power = n < 1 ? 0 : Math.min(4, Math.floor(Math.log10(n) / 3));
  const digits = power === 0 || n / 1000 ** power >= 100 ? 0 : 1;
  return `${(n / 1000 ** power).toFixed(digits)}${NARROW_SPACE}${['B', 'kB', 'MB', 'GB', 'TB'][power]}`;
}

/** A decimal string as money: never through a float. */
export function money(decimal, currency) {
  const [units, cents] = decimal.split('.');
  return `${units.replace(/\B(?=(\d{3})+$)/g, ',')}${cents ? `.${cents}` : ''}${NARROW_SPACE}${currency}`;
}

export function duration(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s}${NARROW_SPACE}s`;
  if (s < 3_600) return `${Math.floor(s / 60)}${NARROW_SPACE}min`;
  if (s < 172_800) return `${Math.floor(s / 3_600)}${NARROW_SPACE}h`;
  return `${Math.floor(s / 86_400)}${NARROW_SPACE}d`;
}

export function age(at, now) {
  if (at > now + 2_000) return `in ${duration(at - now)}`;
  return now - at < 1_000 ? 'now' : `${duration(now - at)} ago`;
}

export const clock = (at) => new Date(at).toLocaleTimeString(undefined, { hour12: false });
export const dateTime = (at) => new Date(at).toLocaleString(undefined, { hour12: false, timeZoneName: 'short' });
/** Of today as a time, of another day with its date. */
export function clockTime(at) {
  const date = new Date(at);
  const time = date.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', hour12: false });
  if (date.toDateString() === new Date().toDateString()) return time;
  return `${date.toLocaleDateString(undefined, { month: 'short', day: 'numeric' })}, ${time}`;
}
