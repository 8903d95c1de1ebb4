import type { Origin } from './event-time.ts';
import { compileExpression } from './expressions.ts';
import type { Operator } from './plan.ts';
import { type Tables, versionAt } from './tables.ts';
import type { InputRecord } from './task.ts';

/** A record on its way through a step; one object serves all records of a topic. */
export interface Row {
  value: unknown;
  ts: number;
  record: InputRecord;
  topic: string;
  origin: Origin;
}

export type Sink = (row: Row) => void;

/** The function that does what an operator says and hands on to `next`. */
export function compileOperator(operator: Operator, tables: Tables, next: Sink): Sink {
  switch (operator.kind) {
    case 'filter': {
      const where = compileExpression(operator.where);
      return (row) => {
        if (where(row.value) === true) next(row);
      };
    }
    case 'derive': {
      const columns = Object.entries(operator.columns).map(([name, e]) => [name, compileExpression(e)] as const);
      return (row) => {
        const value = row.value as Record<string, unknown>;
        for (const [name, of] of columns) value[name] = of(value);
        next(row);
      };
    }
    case 'map':
      return (row) => {
        row.value = operator.fn(row.value as never, { topic: row.topic, appendedAt: row.record.appendedAt });
        next(row);
      };
    case 'flatMap':
      return (row) => {
        const context = { topic: row.topic, appendedAt: row.record.appendedAt };
        for (const value of operator.fn(row.value as never, context)) {
          row.value = value;
          next(row);
        }
      };
    case 'joinTable': {
      const { as } = operator;
      const flag = `${as}FromLater`;
      const keys = tables.versions(operator.topic.name);
      return (row) => {
        const value = row.value as Record<string, unknown>;
        const { key } = row.record;
        const versions = key === null ? undefined : keys.get(key);
        if (versions === undefined) value[as] = null;
        else {
          const [from, found] = versionAt(versions, row.ts);
          value[as] = found;
          if (row.ts < from) value[flag] = true;
        }
        next(row);
      };
    }
  }
}

/**
 * Hands each record to several. Those that change values in place get a copy, so that none sees what another has done; where one throws, the others
 * have had the record all the same.
 * @param sinks each with whether it or what follows it changes values in place
 * @param isForeign whether others may hold the values, too
 */
export function fanOut(sinks: readonly { readonly sink: Sink; readonly mutates: boolean }[], isForeign: boolean): Sink {
  if (sinks.length === 1 && !(isForeign && sinks[0]!.mutates)) return sinks[0]!.sink;
  return (row) => {
    const { value } = row;
    let failed: { readonly error: unknown } | undefined;
    for (const { sink, mutates } of sinks) {
      row.value = mutates ? { ...(value as object) } : value;
      try {
        sink(row);
      } catch (error) {
        failed ??= { error };
      }
    }
    row.value = value;
    if (failed !== undefined) throw failed.error;
  };
}
