import { decode, type Topic } from '../../contract/index.ts';
import type { InputRecord, StateChange } from './task.ts';

type TableRow = Readonly<Record<string, unknown>>;

/** The compacted topics that a step joins: the last value of each key. */
export class Tables {
  readonly #tables: ReadonlyMap<string, Map<string, TableRow>>;
  readonly #changed = new Map<string, StateChange>();

  constructor(topics: readonly string[]) {
    this.#tables = new Map(topics.map((topic) => [topic, new Map()]));
  }

  rows(topic: string): ReadonlyMap<string, TableRow> {
    return this.#tables.get(topic)!;
  }

  /** @returns why the record cannot be used, where it cannot; the row before it stays */
  take(topic: Topic, record: InputRecord): { code: string; reason: string } | undefined {
    const { key } = record;
    if (key === null) return { code: 'KEY_MISSING', reason: 'a record of a compacted topic has no key' };
    const rows = this.#tables.get(topic.name)!;
    const value = record.value === null ? undefined : decode(record.value);
    if (record.value === null) rows.delete(key);
    else if (typeof value !== 'object' || value === null || topic.schema?.safeParse(value).success === false)
      return { code: 'INVALID', reason: `the value is no row of ${topic.name}` };
    else rows.set(key, value as TableRow);
    const entry = `t/${topic.name}/${key}`;
    this.#changed.set(entry, { key: entry, value });
    return undefined;
  }

  *takeChanges(): Iterable<StateChange> {
    yield* this.#changed.values();
    this.#changed.clear();
  }

  *snapshot(): Iterable<StateChange> {
    for (const [topic, rows] of this.#tables) {
      for (const [key, value] of rows) yield { key: `t/${topic}/${key}`, value };
    }
  }

  restore({ key, value }: StateChange): void {
    const [, topic] = key.split('/', 2);
    const rows = this.#tables.get(topic!);
    const of = key.slice(3 + topic!.length);
    if (value === undefined) rows?.delete(of);
    else rows?.set(of, value as TableRow);
  }
}
