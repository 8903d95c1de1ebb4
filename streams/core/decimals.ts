import Big from 'big.js';
import type { Accumulator } from './accumulators.ts';

/** @throws where the value is no decimal number */
export function decimalOf(value: unknown): Big | null {
  return value === null ? null : new Big(value as string);
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
