/** Rows whose numbers lie in one array. */
const BLOCK_ROWS = 1_024;
/** Rows that a ticket can tell apart, and how often a row is given anew until its tickets begin again. */
const MOST_ROWS = 2 ** 28;
const GENERATIONS = 2 ** 24;

/**
 * Rows of numbers, in blocks, so that nothing is moved as they become more. A thousand rows are two arrays: objects would take several times the memory,
 * and the garbage collector would look at each again and again.
 *
 * A row that is free is given to another. What outlives it keeps its `ticket`, which then says that the row is gone.
 */
export class Table {
  readonly #floats: Float64Array[] = [];
  readonly #ints: Int32Array[] = [];
  readonly #floatWidth: number;
  /** The last one is the row's generation. */
  readonly #intWidth: number;
  readonly #free: number[] = [];
  #rows = 0;

  /** How many columns it has: of any numbers, and of integers of 32 bits. */
  constructor(floats: number, ints: number) {
    this.#floatWidth = floats;
    this.#intWidth = ints + 1;
  }

  /** A row in which everything is 0. */
  take(): number {
    const free = this.#free.pop();
    if (free !== undefined) {
      const [float, int] = [(free & (BLOCK_ROWS - 1)) * this.#floatWidth, (free & (BLOCK_ROWS - 1)) * this.#intWidth];
      this.#floats[free >> 10]!.fill(0, float, float + this.#floatWidth);
      this.#ints[free >> 10]!.fill(0, int, int + this.#intWidth - 1);
      return free;
    }
    const row = this.#rows++;
    if (row >> 10 === this.#floats.length) {
      this.#floats.push(new Float64Array(BLOCK_ROWS * this.#floatWidth));
      this.#ints.push(new Int32Array(BLOCK_ROWS * this.#intWidth));
    }
    return row;
  }

  free(row: number): void {
    const generation = this.int(row, this.#intWidth - 1);
    this.setInt(row, this.#intWidth - 1, (generation + 1) % GENERATIONS);
    this.#free.push(row);
  }

  /** A number that stands for the row until it is freed. */
  ticket(row: number): number {
    return this.int(row, this.#intWidth - 1) * MOST_ROWS + row;
  }

  /** @returns -1 where the row was freed since */
  rowOf(ticket: number): number {
    const row = ticket % MOST_ROWS;
    return this.int(row, this.#intWidth - 1) === (ticket - row) / MOST_ROWS ? row : -1;
  }

  float(row: number, column: number): number {
    return this.#floats[row >> 10]![(row & (BLOCK_ROWS - 1)) * this.#floatWidth + column]!;
  }

  setFloat(row: number, column: number, value: number): void {
    this.#floats[row >> 10]![(row & (BLOCK_ROWS - 1)) * this.#floatWidth + column] = value;
  }

  int(row: number, column: number): number {
    return this.#ints[row >> 10]![(row & (BLOCK_ROWS - 1)) * this.#intWidth + column]!;
  }

  setInt(row: number, column: number, value: number): void {
    this.#ints[row >> 10]![(row & (BLOCK_ROWS - 1)) * this.#intWidth + column] = value;
  }
}
