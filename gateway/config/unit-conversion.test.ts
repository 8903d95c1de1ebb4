import { expect, test } from 'vitest';
import { conversionOf } from './unit-conversion.ts';

test.each([
  [212, 'degF', 'Cel', 100],
  [70.52, '[degF]', 'Cel', 21.4],
  [21.4, 'Cel', 'K', 294.55],
  [0, 'K', '[degF]', -459.67],
  [101_325, 'Pa', 'hPa', 1_013.25],
  [1, 'bar', 'hPa', 1_000],
  [14.5, 'psi', 'bar', 0.99973980750941],
  [29.92, 'inHg', 'hPa', 1_013.207481190027],
  [36, 'km/h', 'm/s', 10],
  [60, 'mph', 'm/s', 26.8224],
  [1.5, 'kWh', 'J', 5_400_000],
  [60, 'W.min', 'Wh', 1],
  [400, 'ppm', '%', 0.04],
  [3_045, 'mV', 'V', 3.045],
  [5, 'V', 'V', 5],
])('%d %s in %s is %d', (value, from, to, expected) => {
  expect(conversionOf(from, to).convert(value)).toBeCloseTo(expected, 9);
});

test('gives the UCUM code, whatever the unit was called', () => {
  expect(conversionOf('degF', '°C').unit).toBe('Cel');
  expect(conversionOf('Wh', 'kWh').unit).toBe('kW.h');
});

test('refuses what is not of one kind, and what it does not know', () => {
  expect(() => conversionOf('degF', 'hPa')).toThrow('cannot make hPa (pressure) of degF (temperature)');
  expect(() => conversionOf('furlong', 'm')).toThrow('does not know the unit "furlong"');
  expect(() => conversionOf('constructor', 'm')).toThrow('does not know');
});
