/** Small steps that may be taken at once, one after the other. */
const IN_A_ROW = 100;

/** Tells a steady trickle, whose steps are better gathered, from a few readings that should go at once. */
export class Trickle {
  #spare = IN_A_ROW;
  #at: number;
  readonly #aSecond: number;

  /**
   * @param now of a clock in ms that never goes back, as everywhere here
   * @param aSecond small steps a second that may be taken at once for ever
   */
  constructor(now: number, aSecond: number) {
    this.#at = now;
    this.#aSecond = aSecond;
  }

  /** A small step was taken. */
  step(now: number): void {
    this.#refill(now);
    this.#spare -= 1;
  }

  isSteady(now: number): boolean {
    this.#refill(now);
    return this.#spare < 1;
  }

  #refill(now: number): void {
    this.#spare = Math.min(IN_A_ROW, this.#spare + ((now - this.#at) / 1000) * this.#aSecond);
    this.#at = now;
  }
}
