import { type Accumulator, isNumber, textOf } from './accumulators.ts';

type Scalar = string | number | boolean | object;
/** Time, offset and value. Without an offset: as written before offsets were kept. */
type Saved = [ts: number, offset: number, value: Scalar] | [ts: number, value: Scalar];

/** A value, and the place of its record in time: of records of the same time the offset decides, and then the value, so that any order gives the same. */
abstract class Placed implements Accumulator {
  value: Scalar | null = null;
  ts = 0;
  offset = 0;

  abstract add(value: unknown, ts: number, offset: number): void;

  merge(other: Placed): void {
    this.add(other.value, other.ts, other.offset);
  }

  save(): unknown {
    return this.value === null ? null : [this.ts, this.offset, this.value];
  }

  protected compare(value: Scalar, ts: number, offset: number): number {
    if (ts !== this.ts) return ts - this.ts;
    if (offset !== this.offset) return offset - this.offset;
    const known = this.value!;
    if (typeof value === typeof known && typeof value !== 'object') return value < known ? -1 : 1;
    return textOf(value) < textOf(known) ? -1 : 1;
  }

  protected set(value: Scalar, ts: number, offset: number): void {
    this.value = value;
    this.ts = ts;
    this.offset = offset;
  }

  protected restore(saved: Saved | null): this {
    if (saved === null) return this;
    // Whatever was collected before came before all that will follow.
    if (saved.length === 2) this.set(saved[1], saved[0], -1);
    else this.set(saved[2], saved[0], saved[1]);
    return this;
  }
}

export class First extends Placed {
  static load(saved: Saved | null): First {
    return new First().restore(saved);
  }
  add(value: unknown, ts: number, offset: number): void {
    if (value === null || (typeof value === 'number' && !isNumber(value))) return;
    if (this.value === null || this.compare(value as Scalar, ts, offset) < 0) this.set(value as Scalar, ts, offset);
  }
}

export class Last extends Placed {
  static load(saved: Saved | null): Last {
    return new Last().restore(saved);
  }
  add(value: unknown, ts: number, offset: number): void {
    if (value === null || (typeof value === 'number' && !isNumber(value))) return;
    if (this.value === null || this.compare(value as Scalar, ts, offset) > 0) this.set(value as Scalar, ts, offset);
  }
}
