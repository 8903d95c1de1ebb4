const SUFFIX: Readonly<Record<string, string>> = {
  ...{ celsius: ' °C', fahrenheit: ' °F', percent: ' %', pressurehpa: ' hPa', lux: ' lx', volt: ' V', watt: ' W' },
  ...{ reqps: ' req/s', cps: ' c/s', ppm: ' ppm', hertz: ' Hz' },
};
const MINUTE = 60;
const HOUR = 3_600;
const DAY = 86_400;

/** A value as people read it, near to how Grafana writes that unit. */
export function shown(
  value: unknown,
  unit = 'short',
  { decimals, precision = 3 }: { decimals?: number; precision?: number } = {},
): string {
  if (typeof value === 'boolean') return value ? 'Yes' : 'No';
  if (typeof value !== 'number') {
    const text = value === null || value === undefined ? '' : String(value);
    return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.test(text)
      ? text.slice(0, 19).replace('T', ' ')
      : text.replace(/\s+/g, ' ');
  }
  const digits = (v: number) =>
    decimals === undefined ? String(Number(v.toPrecision(precision))) : v.toFixed(decimals);
  const scaled = (step: number, units: readonly string[]) => {
    let [v, i] = [value, 0];
    for (; Math.abs(v) >= step && i < units.length - 1; i++) v /= step;
    return `${digits(v)}${units[i]}`;
  };
  switch (unit) {
    case 'percentunit':
      return `${Number((value * 100).toPrecision(precision))} %`;
    case 'bytes':
      return scaled(1_024, [' B', ' KiB', ' MiB', ' GiB', ' TiB']);
    case 'decmbytes':
      return scaled(1_000, [' MB', ' GB', ' TB']);
    case 'ms':
      return scaled(1_000, [' ms', ' s']);
    case 's':
      if (Math.abs(value) >= 2 * DAY) return `${digits(value / DAY)} days`;
      if (Math.abs(value) >= 2 * HOUR) return `${digits(value / HOUR)} h`;
      return Math.abs(value) >= 2 * MINUTE ? `${digits(value / MINUTE)} min` : `${digits(value)} s`;
    case 'bool_yes_no':
      return value === 0 ? 'No' : 'Yes';
    case 'dateTimeAsIso':
      return new Date(value).toISOString().slice(0, 19).replace('T', ' ');
    case 'short':
      return scaled(1_000, ['', ' K', ' Mil', ' Bil']);
  }
  return `${digits(value)}${unit.startsWith('suffix:') ? unit.slice('suffix:'.length) : (SUFFIX[unit] ?? '')}`;
}
