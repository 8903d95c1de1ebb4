import { decode } from '../../contract/index.ts';
import type { Table } from './compile.ts';
import type { InputRecord, StateChange } from './task.ts';

export type TableRow = Readonly<Record<string, unknown>>;

/** A row, or null where it was deleted, and since when, by the broker's clock (ms since the epoch). */
type Version = readonly [from: number, row: TableRow | null];

/** More versions of one key than this are not kept, however young: ten days of one each quarter of an hour. */
const MOST_VERSIONS = 1_000;

/**
 * The compacted topics that a step joins: of each key the rows it has had, the oldest first, as far back as its history goes. A row is valid from the time
 * its record was appended until that of the next.
 */
export class Tables {
  readonly #tables: ReadonlyMap<string, { readonly historyMs: number; readonly keys: Map<string, Version[]> }>;
  readonly #changed = new Set<string>();

  constructor(tables: readonly Table[]) {
    this.#tables = new Map(tables.map(({ topic, historyMs }) => [topic.name, { historyMs, keys: new Map() }]));
  }

  /** Keys of all tables. */
  get size(): number {
    let size = 0;
    for (const { keys } of this.#tables.values()) size += keys.size;
    return size;
  }

  /** All versions of each key of a table, for `rowAt`. */
  versions(topic: string): ReadonlyMap<string, readonly Version[]> {
    return this.#tables.get(topic)!.keys;
  }

  /** @returns why the record cannot be used, where it cannot; the rows before it stay */
  take({ topic }: Table, record: InputRecord): { code: string; reason: string } | undefined {
    const { key } = record;
    if (key === null) return { code: 'KEY_MISSING', reason: 'a record of a compacted topic has no key' };
    const row = record.value === null ? null : decode(record.value);
    if (typeof row !== 'object' || (row !== null && topic.schema?.safeParse(row).success === false))
      return { code: 'INVALID', reason: `the value is no row of ${topic.name}` };
    const { keys, historyMs } = this.#tables.get(topic.name)!;
    const versions = add(keys.get(key) ?? [], [record.appendedAt, row as TableRow | null], historyMs);
    if (versions.length === 0) keys.delete(key);
    else keys.set(key, versions);
    this.#changed.add(`t/${topic.name}/${key}`);
    return undefined;
  }

  *takeChanges(): Iterable<StateChange> {
    for (const entry of this.#changed) {
      const [keys, key] = this.#find(entry);
      yield { key: entry, value: keys.get(key) };
    }
    this.#changed.clear();
  }

  *snapshot(): Iterable<StateChange> {
    for (const [topic, { keys }] of this.#tables)
      for (const [key, value] of keys) yield { key: `t/${topic}/${key}`, value };
  }

  restore({ key: entry, value }: StateChange): void {
    const [keys, key] = this.#find(entry);
    if (value === undefined) keys.delete(key);
    // A row alone is what was written before there were histories.
    else keys.set(key, Array.isArray(value) ? (value as Version[]) : [[0, value as TableRow]]);
  }

  #find(entry: string): [keys: Map<string, Version[]>, key: string] {
    const topic = entry.split('/', 2)[1]!;
    return [this.#tables.get(topic)!.keys, entry.slice(3 + topic.length)];
  }
}

function add(versions: readonly Version[], [appendedAt, row]: Version, historyMs: number): Version[] {
  // The broker's clock may have been set back; what came later replaces what came before all the same.
  const from = Math.max(appendedAt, versions.at(-1)?.[0] ?? 0);
  const all = versions.filter((version) => version[0] < from);
  all.push([from, row]);
  // The latest version that began before the history is the one that was valid when it begins.
  let first = all.findLastIndex((version) => version[0] <= from - historyMs);
  first = Math.max(first, all.length - MOST_VERSIONS, 0);
  const kept = all.slice(first);
  return kept.length === 1 && kept[0]![1] === null ? [] : kept;
}

/** The version valid at a time, ms since the epoch: the oldest where all are younger. */
export function versionAt(versions: readonly Version[], ts: number): Version {
  for (let i = versions.length - 1; i > 0; i--) if (versions[i]![0] <= ts) return versions[i]!;
  return versions[0]!;
}
