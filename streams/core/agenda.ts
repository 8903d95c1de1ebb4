/** Things to do when a watermark reaches their time. Looking whether there is anything to do costs one comparison. */
export class Agenda<T> {
  readonly #buckets = new Map<number, T[]>();
  /** The times of the buckets, as a binary heap: each at most as late as the two at twice its place and one and two more. */
  readonly #times: number[] = [];

  /** The earliest time anything is due; Infinity when there is nothing. */
  get next(): number {
    return this.#times.length === 0 ? Infinity : this.#times[0]!;
  }

  add(due: number, item: T): void {
    const bucket = this.#buckets.get(due);
    if (bucket !== undefined) {
      bucket.push(item);
      return;
    }
    this.#buckets.set(due, [item]);
    this.#push(due);
  }

  /** Removes and gives what is due at or before `until`, the earliest first. */
  take(until: number): T[] {
    const due: T[] = [];
    while (this.next <= until && this.#times.length > 0) {
      const time = this.#pop();
      for (const item of this.#buckets.get(time)!) due.push(item);
      this.#buckets.delete(time);
    }
    return due;
  }

  #push(time: number): void {
    const times = this.#times;
    let at = times.length;
    times.push(time);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (times[parent]! <= time) break;
      times[at] = times[parent]!;
      at = parent;
    }
    times[at] = time;
  }

  #pop(): number {
    const times = this.#times;
    const first = times[0]!;
    const last = times.pop()!;
    const { length } = times;
    if (length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && times[child + 1]! < times[child]!) child++;
      if (times[child]! >= last) break;
      times[at] = times[child]!;
      at = child;
    }
    times[at] = last;
    return first;
  }
}
