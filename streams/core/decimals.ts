import Big from 'big.js';
import type { Accumulator } from './accumulators.ts';

/** Places before and behind the point. Ten signs, such as 1e99999999, can stand for so many that a sum of them fills the memory. */
const MOST_PLACES = 1_000;

/** @throws where the value is no decimal number, or has more places than anyone has money */
export function decimalOf(value: unknown): Big | null {
  if (value === null) return null;
  const decimal = new Big(value as string);
  if (decimal.e > MOST_PLACES || decimal.c.length - decimal.e > MOST_PLACES)
    throw new Error(`a decimal number has more than ${MOST_PLACES} places before or behind the point`);
  return decimal;
}

/** Adds decimal strings without rounding. */
export class DecimalSum implements Accumulator {
  sum: Big | null = null;
  static load(saved: string | null): DecimalSum {
    return Object.assign(new DecimalSum(), { sum: saved === null ? null : new Big(saved) });
  }
  add(value: unknown): void {
    if (value === null) return;
    this.sum = this.sum === null ? new Big(value as string) : this.sum.plus(value as string);
  }
  merge(other: DecimalSum): void {
    this.add(other.save());
  }
  save(): unknown {
    return this.sum === null ? null : this.sum.toFixed();
  }
}

/** The greatest of decimal strings. */
export class DecimalGreatest implements Accumulator {
  value: Big | null = null;
  static load(saved: string | null): DecimalGreatest {
    return Object.assign(new DecimalGreatest(), { value: saved === null ? null : new Big(saved) });
  }
  add(value: unknown): void {
    if (value === null) return;
    if (this.value === null || this.value.lt(value as string)) this.value = new Big(value as string);
  }
  merge(other: DecimalGreatest): void {
    this.add(other.save());
  }
  save(): unknown {
    return this.value === null ? null : this.value.toFixed();
  }
}
