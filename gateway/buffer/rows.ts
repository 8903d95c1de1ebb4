import type { StatementSync } from 'node:sqlite';

/** A statement's rows one by one. Where a read failed, Node has `iterate` fail once more at its next use, whatever is read then; not after this. */
export function* rowsOf(statement: StatementSync, ...values: number[]): Generator<Record<string, unknown>> {
  try {
    yield* statement.iterate(...values);
  } catch (error) {
    try {
      statement.get(...values);
    } catch {
      // It is well now, or fails again when it is used.
    }
    throw error;
  }
}
