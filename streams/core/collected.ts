import type { Accumulator, Numeric } from './accumulators.ts';
import type { Aggregation } from './aggregation.ts';

/** Rows whose numbers lie in one array. */
const BLOCK_ROWS = 1_024;

/**
 * What windows have collected, a row for each, of its number. Numbers lie side by side in large arrays, which takes an eighth of the memory that objects take, and the
 * garbage collector does not look at each. Of what is more than numbers the accumulators are kept, as JSON while nothing more is expected.
 */
export class Collected {
  readonly #aggregation: Aggregation;
  /** Where an accumulator's cells begin in a row; of those that have none, -1. */
  readonly #cellsAt: readonly number[];
  readonly #width: number;
  /** A row that nothing was added to. */
  readonly #empty: Float64Array;
  readonly #hasObjects: boolean;
  readonly #blocks: Float64Array[] = [];
  readonly #objects: (readonly Accumulator[] | string)[] = [];
  /** What a row is looked at through, and a second one beside it. */
  readonly #views: readonly [Accumulator[], Accumulator[]];

  constructor(aggregation: Aggregation) {
    this.#aggregation = aggregation;
    let width = 0;
    this.#cellsAt = aggregation.kinds.map(({ cells }) => {
      if (cells === undefined) return -1;
      width += cells;
      return width - cells;
    });
    this.#width = width;
    this.#hasObjects = this.#cellsAt.includes(-1);
    this.#views = [aggregation.start(), aggregation.start()];
    this.#empty = new Float64Array(width);
    this.#write(aggregation.start(), this.#empty, 0);
  }

  /** Makes a row, which may be one that was freed or that after the last, one to which nothing was added, or one that was saved before. */
  create(row: number, saved?: readonly unknown[]): void {
    const block = row >> 10;
    if (block === this.#blocks.length) this.#blocks.push(new Float64Array(BLOCK_ROWS * this.#width));
    const [cells, at] = [this.#blocks[block]!, this.#at(row)];
    if (saved === undefined) {
      cells.set(this.#empty, at);
      if (this.#hasObjects) this.#objects[row] = this.#aggregation.start();
      return;
    }
    const loaded = this.#aggregation.load(saved);
    this.#write(loaded, cells, at);
    if (this.#hasObjects) this.#objects[row] = loaded;
  }

  /** The row is of no more use. */
  free(row: number): void {
    if (this.#hasObjects) this.#objects[row] = '';
  }

  /** Adds a record; the other arguments are those of `Accumulator.add`. */
  add(row: number, inputs: readonly unknown[], ts: number, offset: number): void {
    const accumulators = this.of(row);
    for (let i = 0; i < accumulators.length; i++) accumulators[i]!.add(inputs[i], ts, offset);
    this.#write(accumulators, this.#blocks[row >> 10]!, this.#at(row));
  }

  /** Adds what another row has collected. */
  merge(row: number, other: number): void {
    const parts = this.#look(other, this.#views[1]);
    const accumulators = this.of(row);
    for (let i = 0; i < accumulators.length; i++) accumulators[i]!.merge(parts[i]!);
    this.#write(accumulators, this.#blocks[row >> 10]!, this.#at(row));
  }

  /** Good to read from until the next call. */
  of(row: number): readonly Accumulator[] {
    return this.#look(row, this.#views[0]);
  }

  /** Plain JSON, of which `create` makes the same again. */
  save(row: number): unknown[] {
    return this.of(row).map((accumulator) => accumulator.save());
  }

  /** Nothing more is expected for now. */
  rest(row: number, saved: readonly unknown[]): void {
    if (this.#hasObjects) this.#objects[row] = JSON.stringify(saved);
  }

  #at(row: number): number {
    return (row & (BLOCK_ROWS - 1)) * this.#width;
  }

  #look(row: number, view: Accumulator[]): Accumulator[] {
    const [cells, start] = [this.#blocks[row >> 10]!, this.#at(row)];
    const objects = this.#hasObjects ? this.#objectsOf(row) : undefined;
    for (let i = 0; i < view.length; i++) {
      const at = this.#cellsAt[i]!;
      if (at < 0) view[i] = objects![i]!;
      else (view[i] as Numeric).read(cells, start + at);
    }
    return view;
  }

  #write(accumulators: readonly Accumulator[], cells: Float64Array, start: number): void {
    for (let i = 0; i < accumulators.length; i++) {
      const at = this.#cellsAt[i]!;
      if (at >= 0) (accumulators[i] as Numeric).write(cells, start + at);
    }
  }

  #objectsOf(row: number): readonly Accumulator[] {
    let objects = this.#objects[row]!;
    if (typeof objects === 'string') {
      objects = this.#aggregation.load(JSON.parse(objects));
      this.#objects[row] = objects;
    }
    return objects;
  }
}
