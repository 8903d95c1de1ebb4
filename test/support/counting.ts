import type { InputRecord, OutputRecord, StateChange, Step, Task } from '../../streams/core/index.ts';

export interface CountingOptions {
  readonly id: string;
  readonly input: string;
  readonly output: string;
  readonly table?: string;
  readonly commitEveryMs?: number;
  readonly fingerprint?: string;
  /** Length of a text kept with each key's count. */
  readonly padding?: number;
}

/** One row: the record's own text, how many records of its key have been seen, and the label of its key in the table. */
export interface CountedRow {
  readonly key: string;
  readonly value: string;
  readonly count: number;
  readonly label?: string;
}

/** A step that puts out one row for each input record. Processing a record twice, or losing one or its state, shows in every later row of its key. */
export function countingStep(options: CountingOptions): Step {
  const { id, input, output, table, commitEveryMs = 30, fingerprint = 'counting-1' } = options;
  return {
    id,
    fingerprint,
    streams: [input],
    tables: table === undefined ? [] : [table],
    outputs: [output],
    internal: [],
    commitEveryMs,
    createTask: () => new Counting(options),
  };
}

class Counting implements Task {
  readonly #options: CountingOptions;
  readonly #state = new Map<string, { count?: number; label?: string; padding?: string }>();
  readonly #dirty = new Set<string>();
  #outputs: OutputRecord[] = [];

  constructor(options: CountingOptions) {
    this.#options = options;
  }

  process(topic: string, record: InputRecord): void {
    const key = record.key ?? '';
    const known = this.#state.get(key) ?? {};
    const value = record.value?.toString() ?? '';
    this.#dirty.add(key);
    if (topic === this.#options.table) {
      this.#state.set(key, { ...known, label: value });
      return;
    }
    const count = (known.count ?? 0) + 1;
    const { padding } = this.#options;
    this.#state.set(key, { ...known, count, ...(padding && { padding: `${count} `.repeat(padding) }) });
    const row: CountedRow = { key, value, count, ...(known.label !== undefined && { label: known.label }) };
    this.#outputs.push({ topic: this.#options.output, key, value: Buffer.from(JSON.stringify(row)) });
  }

  tick(): void {}

  takeOutputs(): OutputRecord[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  takeChanges(): StateChange[] {
    const changes = [...this.#dirty].map((key) => ({ key, value: this.#state.get(key) }));
    this.#dirty.clear();
    return changes;
  }

  *snapshot(): Iterable<StateChange> {
    for (const [key, value] of this.#state) yield { key, value };
  }

  restore(changes: Iterable<StateChange>): void {
    for (const { key, value } of changes) {
      if (value === undefined) this.#state.delete(key);
      else this.#state.set(key, value as { count?: number });
    }
  }
}
