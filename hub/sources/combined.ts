import { HeadwaterError, WebRequest } from '../../contract/index.ts';

/** The unit of a trailing response time: nginx's `$request_time` is in seconds, Apache's `%D` in microseconds. */
export type DurationUnit = 's' | 'us';

const QUOTED = '"((?:[^"\\\\]|\\\\.)*)"';
/** Client, identity, user, time, request, status, bytes; then referrer and agent; then further quoted fields, and the response time. */
const LINE = new RegExp(
  `^(\\S+) \\S+ [^[]{1,256}? \\[([^\\]]{20,32})\\] ${QUOTED} (\\d{3}) (\\d+|-)(?: ${QUOTED} ${QUOTED})?(?: ${QUOTED})*(?: (\\d+(?:\\.\\d+)?|-))?\\s*$`,
);
const TIME = /^(\d{2})\/([A-Z][a-z]{2})\/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})$/;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/**
 * Reads one line of an access log in the combined format (or the common one, which lacks referrer and agent) of nginx or Apache, with an optional
 * response time at its end. Bytes that are not UTF-8 become U+FFFD: browsers send what they like in these fields.
 * @throws HeadwaterError `LOG_LINE_INVALID`, `LOG_TIME_INVALID`, `LOG_REQUEST_INVALID`, `LOG_FIELD_INVALID`
 */
export function parseCombined(line: Buffer, durationUnit: DurationUnit): WebRequest {
  const fields = LINE.exec(line.toString('utf8'));
  if (!fields) throw new HeadwaterError('LOG_LINE_INVALID', 'The line is not in the combined log format');
  const [, clientIp, time, request, status, bytes, referrer, userAgent, , duration] = fields as unknown as string[];
  const { method, path } = parseRequestLine(unescaped(request as string));
  const parsed = WebRequest.safeParse({
    clientIp,
    method,
    path,
    status: Number(status),
    bytes: bytes === '-' ? 0 : Number(bytes),
    ...optional('durationMs', milliseconds(duration, durationUnit)),
    ...optional('userAgent', text(userAgent, 1024)),
    ...optional('referrer', text(referrer, 2048)),
    ts: parseTime(time as string),
  });
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new HeadwaterError('LOG_FIELD_INVALID', problems.join('; '));
}

/** `10/Oct/2000:13:55:36 -0700` in ms since the epoch. */
function parseTime(text: string): number {
  const [, day, month, year, hour, minute, second, sign, zoneHours, zoneMinutes] = TIME.exec(text) ?? [];
  const local = Date.UTC(
    Number(year),
    MONTHS.indexOf(month ?? ''),
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  );
  const zone = (Number(zoneHours) * 60 + Number(zoneMinutes)) * 60_000;
  const date = new Date(local);
  // A leap second reads as the first of the next minute; any other field out of range would silently move the time.
  const exists = date.getUTCDate() === Number(day) || Number(second) === 60;
  if (!exists || !MONTHS.includes(month ?? '') || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60)
    throw new HeadwaterError('LOG_TIME_INVALID', `"${text}" is not a time such as 10/Oct/2000:13:55:36 -0700`);
  return sign === '-' ? local + zone : local - zone;
}

function parseRequestLine(line: string): { method: string; path: string } {
  const [, method, target] = /^([A-Za-z][A-Za-z_-]{0,15}) (\S.*?)(?: HTTP\/\d(?:\.\d)?)?$/.exec(line) ?? [];
  if (method === undefined || target === undefined)
    throw new HeadwaterError('LOG_REQUEST_INVALID', 'The request is not "METHOD target HTTP/x"');
  return { method, path: pathOf(target) };
}

/** The path of a request target, without query and fragment, and without scheme and host where a proxy was asked. */
function pathOf(target: string): string {
  const path = target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '').replace(/[?#].*$/, '');
  return path === '' ? '/' : path;
}

function milliseconds(duration: string | undefined, unit: DurationUnit): number | undefined {
  if (duration === undefined || duration === '-') return undefined;
  // To whole microseconds, so that 0.001 s is 1 ms and not a float's idea of it.
  return Math.round(Number(duration) * (unit === 's' ? 1e6 : 1)) / 1000;
}

function text(field: string | undefined, limit: number): string | undefined {
  return field === undefined || field === '-' || field === '' ? undefined : unescaped(field).slice(0, limit);
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', v: '\v', b: '\b', f: '\f' };

/** Undoes what nginx (`\xHH` for each byte) and Apache (also `\"`, `\\`, `\n`) do to what is not plain text. */
function unescaped(field: string): string {
  if (!field.includes('\\')) return field;
  return field.replace(/(?:\\x[0-9A-Fa-f]{2})+|\\(.)/g, (run, single: string | undefined) =>
    single === undefined ? Buffer.from(run.replaceAll('\\x', ''), 'hex').toString('utf8') : (ESCAPES[single] ?? single),
  );
}

function optional<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, V>);
}
