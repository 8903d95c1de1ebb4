import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { inputs } from './sections/inputs.ts';
import { portName, serial } from './sections/serial.ts';

const problems = (port: object) => {
  const { error } = serial.safeParse(port);
  return error ? error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) : [];
};

test.each(['serial.md', 'microcontrollers.md'])('the examples of docs/how-to/%s are good', (page) => {
  const text = readFileSync(new URL(`../../docs/how-to/${page}`, import.meta.url), 'utf8');
  const examples = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml]) => parse(yaml!));
  expect(examples.length).toBeGreaterThan(0);
  for (const example of examples) z.object({ inputs }).parse(example);
});

test('a port is named by its path, or by its adapter wherever that is plugged in', () => {
  expect(portName(serial.parse({ path: '/dev/ttyUSB0' }))).toBe('/dev/ttyUSB0');
  expect(portName(serial.parse({ usb: { vendorId: '2E8A', productId: '000a' } }))).toBe('usb-2e8a:000a');
});

test('an adapter that is named twice is told', () => {
  const usb = { vendorId: '0403', productId: '6001' };
  const { error } = inputs.safeParse({ serial: [{ usb }, { usb }] });
  expect(error?.issues[0]?.message).toBe('has the port usb-0403:6001 twice');
});

const CSV = { path: '/dev/ttyUSB0', framing: 'csv', device: 'd' };
describe('is refused', () => {
  test.each([
    ['neither path nor usb', {}, 'either path or usb'],
    ['both', { path: '/dev/ttyUSB0', usb: { vendorId: '0403', productId: '6001' } }, 'either path or usb'],
    ['a vendor id that YAML took for a number', { usb: { vendorId: 403, productId: '6001' } }, 'usb.vendorId'],
    ['csv without its section', { path: '/dev/ttyUSB0', framing: 'csv' }, 'csv: goes with framing: csv'],
    ['a csv section with other framing', { path: '/dev/ttyUSB0', csv: { columns: ['x'] } }, 'csv: goes with framing'],
    ['neither columns nor header', { ...CSV, csv: {} }, 'either columns or header'],
    ['a column twice', { ...CSV, csv: { columns: ['x', 'x'] } }, 'has "x" twice'],
    ['a role for a column that is not there', { ...CSV, csv: { columns: ['x'], time: 't' } }, 'csv.time: names "t"'],
    ['a unit for one', { ...CSV, csv: { columns: ['x'], units: { y: 'Cel' } } }, 'csv.units: names "y"'],
    ['a boot id without a number', { ...CSV, csv: { columns: ['x', 'b'], boot: 'b' } }, 'both boot and number'],
    ['rows of no device', { ...CSV, device: undefined, csv: { columns: ['x'] } }, 'device: is missing'],
    [
      'a separator of two',
      { ...CSV, csv: { columns: ['x'], separator: '; ' } },
      'csv.separator: must be one character',
    ],
  ])('%s', (_what, port, problem) => {
    expect(problems(port).join('\n')).toContain(problem);
  });
});
