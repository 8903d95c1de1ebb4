import { CONTRACT_VERSION, encode, HEADER } from '../../contract/index.ts';
import { compileExpression, type Evaluate } from './expressions.ts';
import type { Context, ProcessTo } from './plan.ts';
import type { OutputRecord, StateChange } from './task.ts';

type Declaration = ProcessTo<unknown, unknown>;

/** The states of a process, one for each series of the task. */
export class Processes {
  readonly #declaration: Declaration;
  readonly #seriesOf: Evaluate;
  readonly #put: (output: OutputRecord) => void;
  readonly #states = new Map<string, unknown>();
  readonly #changed = new Set<string>();
  readonly #onTickFailed: (series: string, error: unknown) => void;
  /** Series whose last tick failed: it is told once, not each second. */
  readonly #failing = new Set<string>();

  constructor(
    declaration: Declaration,
    put: (output: OutputRecord) => void,
    onTickFailed: (series: string, error: unknown) => void,
  ) {
    this.#declaration = declaration;
    this.#onTickFailed = onTickFailed;
    this.#seriesOf = compileExpression(declaration.series);
    this.#put = put;
  }

  get size(): number {
    return this.#states.size;
  }

  /** @returns false where the record belongs to no series */
  step(value: unknown, ts: number): boolean {
    const name = this.#seriesOf(value);
    if (name === null) return false;
    const series = String(name);
    const before = this.#states.get(series) ?? this.#declaration.init(series);
    // Where the function throws it may have changed the state all the same.
    this.#changed.add(series);
    this.#set(series, this.#declaration.step(before, value, ts, this.#context(series)));
    return true;
  }

  tick(now: number): void {
    if (this.#declaration.tick === undefined) return;
    for (const [series, before] of this.#states) {
      try {
        const after = this.#declaration.tick(before, now, this.#context(series));
        if (after !== before) this.#set(series, after);
        this.#failing.delete(series);
      } catch (error) {
        this.#changed.add(series);
        if (!this.#failing.has(series)) this.#onTickFailed(series, error);
        this.#failing.add(series);
      }
    }
  }

  #set(series: string, state: unknown): void {
    if (state === undefined) {
      this.#states.delete(series);
      this.#failing.delete(series);
    } else this.#states.set(series, state);
    this.#changed.add(series);
  }

  #context(series: string): Context {
    return {
      series,
      emit: (topic, key, value) => {
        // What Kafka refuses would end the task, and again each time it starts anew.
        if (!this.#declaration.outputs.some(({ name }) => name === topic.name))
          throw new Error(`it emits to ${topic.name}, which is not among the outputs that it declares`);
        if (typeof key !== 'string') throw new Error(`it emits to ${topic.name} with a key that is no text: ${key}`);
        this.#put({
          topic: topic.name,
          key,
          value: encode(value),
          headers: { [HEADER.version]: CONTRACT_VERSION },
        });
      },
    };
  }

  #saved(series: string): StateChange {
    const state = this.#states.get(series);
    const { save = structuredClone } = this.#declaration;
    return { key: `p/${series}`, value: state === undefined ? undefined : save(state) };
  }

  *takeChanges(): Iterable<StateChange> {
    for (const series of this.#changed) yield this.#saved(series);
    this.#changed.clear();
  }

  *snapshot(): Iterable<StateChange> {
    for (const series of this.#states.keys()) yield this.#saved(series);
  }

  restore({ key, value }: StateChange): void {
    const series = key.slice(2);
    if (value === undefined) this.#states.delete(series);
    else this.#states.set(series, this.#declaration.load?.(value, series) ?? value);
  }
}
