import type { Expression } from './expressions.ts';

/** What is computed over the records of a window. Where the input of a record is null it does not count, as in SQL. */
export type Aggregate =
  | { readonly fn: 'count' }
  | {
      readonly fn:
        | 'sum'
        | 'mean'
        | 'min'
        | 'max'
        | 'range'
        | 'variance'
        | 'first'
        | 'last'
        | 'distinct'
        | 'share'
        | 'sumDecimal'
        | 'maxDecimal';
      readonly input: Expression;
    }
  | { readonly fn: 'quantile'; readonly input: Expression; readonly q: number }
  | { readonly fn: 'top'; readonly input: Expression; readonly k: number };

export const count = (): Aggregate => ({ fn: 'count' });
export const sum = (input: Expression): Aggregate => ({ fn: 'sum', input });
export const mean = (input: Expression): Aggregate => ({ fn: 'mean', input });
export const min = (input: Expression): Aggregate => ({ fn: 'min', input });
export const max = (input: Expression): Aggregate => ({ fn: 'max', input });
/** From the least value to the greatest. */
export const range = (input: Expression): Aggregate => ({ fn: 'range', input });
/** Population variance. */
export const variance = (input: Expression): Aggregate => ({ fn: 'variance', input });
/** The value of the record with the earliest event time; of several at that time the one with the lowest offset. */
export const first = (input: Expression): Aggregate => ({ fn: 'first', input });
/** The value of the record with the latest event time; of several at that time the one with the highest offset. */
export const last = (input: Expression): Aggregate => ({ fn: 'last', input });
/** Share of the records for which a condition is true, 0…1. */
export const share = (condition: Expression): Aggregate => ({ fn: 'share', input: condition });
/** About how many different values there were: a standard error of 1.6 %. */
export const distinct = (input: Expression): Aggregate => ({ fn: 'distinct', input });
/** A quantile within 1 % of the true value, `q` 0…1. */
export const quantile = (input: Expression, q: number): Aggregate => ({ fn: 'quantile', input, q });
/** The `k` values that came most often (at most 512), each with its count and by how much that may be too high: by 0.2 % of the records at most. */
export const top = (input: Expression, k: number): Aggregate => ({ fn: 'top', input, k });
/** Exact sum of decimal strings, as a decimal string. */
export const sumDecimal = (input: Expression): Aggregate => ({ fn: 'sumDecimal', input });
/** The greatest of decimal strings. */
export const maxDecimal = (input: Expression): Aggregate => ({ fn: 'maxDecimal', input });
