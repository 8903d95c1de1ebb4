import type { Origin } from './event-time.ts';
import { compileExpression } from './expressions.ts';
import type { Operator } from './job.ts';
import type { Tables } from './tables.ts';
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

/** One function that leads a row through the operators to `end`. */
export function compileOperators(operators: readonly Operator[], tables: Tables, end: Sink): Sink {
  return operators.reduceRight((next, operator) => compileOperator(operator, tables, next), end);
}

function compileOperator(operator: Operator, tables: Tables, next: Sink): Sink {
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
      const rows = tables.rows(operator.topic.name);
      return (row) => {
        (row.value as Record<string, unknown>)[operator.as] = rows.get(row.record.key ?? '') ?? null;
        next(row);
      };
    }
    case 'keyBy':
      throw new Error('a keyBy ends its step');
  }
}
