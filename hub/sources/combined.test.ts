import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HeadwaterError } from '../../contract/index.ts';
import { parseCombined } from './combined.ts';

const parse = (line: string, unit: 's' | 'us' = 's') => parseCombined(Buffer.from(line, 'latin1'), unit);
const line = (more: Partial<Record<'ip' | 'time' | 'request' | 'status' | 'bytes' | 'tail', string>> = {}) => {
  const f = {
    ip: '203.0.113.7',
    time: '10/Oct/2025:13:55:36 -0700',
    request: 'GET /shop/tea?page=2 HTTP/1.1',
    status: '200',
    bytes: '2326',
    tail: ' "https://example.org/" "Mozilla/5.0" 0.043',
    ...more,
  };
  return `${f.ip} - frank [${f.time}] "${f.request}" ${f.status} ${f.bytes}${f.tail}`;
};
const codeOf = (text: string) => {
  try {
    parse(text);
  } catch (error) {
    return error instanceof HeadwaterError ? error.code : error;
  }
  return 'accepted';
};

describe('parseCombined', () => {
  test('reads every field of a combined line with a response time', () => {
    expect(parse(line())).toEqual({
      clientIp: '203.0.113.7',
      method: 'GET',
      path: '/shop/tea',
      status: 200,
      bytes: 2326,
      durationMs: 43,
      userAgent: 'Mozilla/5.0',
      referrer: 'https://example.org/',
      ts: Date.UTC(2025, 9, 10, 20, 55, 36),
    });
  });

  test.each([
    ['the common format, without referrer and agent', line({ tail: '' }), { method: 'GET' }],
    ['no response time', line({ tail: ' "-" "-"' }), { path: '/shop/tea' }],
    ['further quoted fields before the response time', line({ tail: ' "-" "-" "10.0.0.1" 1.5' }), { durationMs: 1500 }],
    ['a user with a space', line().replace('frank', 'frank b'), { method: 'GET' }],
    ['an IPv6 client', line({ ip: '2001:db8::1' }), { clientIp: '2001:db8::1' }],
    ['no body', line({ bytes: '-' }), { bytes: 0 }],
    ['an eastern half-hour zone', line({ time: '01/Jan/2026:05:30:00 +0530' }), { ts: Date.UTC(2026, 0, 1) }],
    [
      'a quote in the agent, as Apache escapes it',
      line({ tail: ' "-" "a \\"b\\" c\\\\"' }),
      { userAgent: 'a "b" c\\' },
    ],
    ['bytes in the agent, as nginx escapes them', line({ tail: ' "-" "caf\\xC3\\xA9"' }), { userAgent: 'café' }],
    ['bytes that are not UTF-8', line({ tail: ' "-" "caf\xe9"' }), { userAgent: 'caf\ufffd' }],
    ['a proxy request', line({ request: 'GET http://example.org/a?b HTTP/1.1' }), { path: '/a' }],
    ['a target with spaces', line({ request: 'GET /a b?c d HTTP/1.1' }), { path: '/a b' }],
    ['a request of HTTP/0.9', line({ request: 'GET /' }), { path: '/' }],
  ])('reads %s', (_name, text, expected) => {
    expect(parse(text)).toMatchObject(expected);
  });

  test('takes a response time in microseconds where told so', () => {
    expect(parse(line({ tail: ' "-" "-" 43210' }), 'us').durationMs).toBe(43.21);
  });

  test.each([
    ['LOG_LINE_INVALID', ''],
    ['LOG_LINE_INVALID', 'not a log line'],
    ['LOG_LINE_INVALID', line().slice(0, 60)],
    ['LOG_LINE_INVALID', line().slice(0, 30) + line()],
    ['LOG_LINE_INVALID', line({ status: 'two hundred' })],
    ['LOG_LINE_INVALID', line({ bytes: '-5' })],
    ['LOG_TIME_INVALID', line({ time: '31/Feb/2025:13:55:36 -0700' })],
    ['LOG_TIME_INVALID', line({ time: '10/Okt/2025:13:55:36 -0700' })],
    ['LOG_TIME_INVALID', line({ time: '10/Oct/2025:25:55:36 -0700' })],
    ['LOG_REQUEST_INVALID', line({ request: '-' })],
    ['LOG_REQUEST_INVALID', line({ request: '\\x16\\x03\\x01' })],
    ['LOG_FIELD_INVALID', line({ status: '999' })],
    ['LOG_FIELD_INVALID', line({ time: '10/Oct/1985:13:55:36 -0700' })],
    ['LOG_FIELD_INVALID', line({ request: `GET /${'a'.repeat(3000)} HTTP/1.1` })],
  ])('refuses with %s: %s', (code, text) => {
    expect(codeOf(text)).toBe(code);
  });

  test('gives a request or an error with a code for any bytes whatever', () => {
    const mutated = fc.tuple(
      fc.nat(line().length),
      fc.string({ unit: fc.nat(255).map((byte) => String.fromCharCode(byte)), maxLength: 8 }),
      fc.nat(8),
    );
    fc.assert(
      fc.property(mutated, ([at, inserted, removed]) => {
        const code = codeOf(line().slice(0, at) + inserted + line().slice(at + removed));
        expect(code).toMatch(/^(accepted|LOG_[A-Z]+_INVALID)$/);
      }),
    );
  });

  test('takes time in proportion to the length of a hostile line', () => {
    const hostile = `1.1.1.1 - ${'[ "\\"'.repeat(6000)}`;
    expect(codeOf(hostile)).toBe('LOG_LINE_INVALID');
  });
});
