/** Things to do when a watermark reaches their time. Looking whether there is anything to do costs one comparison. */
export class Agenda<T> {
  /** The earliest time anything is due; Infinity when there is nothing. */
  next = Infinity;
  readonly #buckets = new Map<number, T[]>();

  add(due: number, item: T): void {
    const bucket = this.#buckets.get(due);
    if (bucket !== undefined) {
      bucket.push(item);
      return;
    }
    this.#buckets.set(due, [item]);
    if (due < this.next) this.next = due;
  }

  /** Removes and gives what is due at or before `until`, the earliest first. */
  take(until: number): T[] {
    if (until < this.next) return [];
    const due: number[] = [];
    let next = Infinity;
    for (const time of this.#buckets.keys()) {
      if (time <= until) due.push(time);
      else if (time < next) next = time;
    }
    this.next = next;
    return due
      .sort((a, b) => a - b)
      .flatMap((time) => {
        const items = this.#buckets.get(time)!;
        this.#buckets.delete(time);
        return items;
      });
  }
}
