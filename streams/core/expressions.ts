type Comparison = 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte';
type Arithmetic = 'plus' | 'minus' | 'times';
type Binary = Comparison | Arithmetic | 'and' | 'or';

/**
 * Expressions over a record's value, kept as data so that a job can be run here or written down as SQL. Where an operand is missing the result is
 * null, as in SQL; a filter lets through only what is true.
 */
export type Expression =
  | { readonly op: 'field'; readonly path: readonly string[] }
  | { readonly op: 'literal'; readonly value: string | number | boolean }
  | { readonly op: Binary; readonly left: Expression; readonly right: Expression }
  | { readonly op: 'when'; readonly condition: Expression; readonly result: Expression }
  | { readonly op: 'not' | 'isNull'; readonly of: Expression }
  | { readonly op: 'concat'; readonly parts: readonly Expression[] }
  | { readonly op: 'replace'; readonly of: Expression; readonly pattern: string; readonly by: string };

type Operand = Expression | string | number | boolean;

/** A field of the value; further names reach into it. `field<Reading>` checks the first name. */
export function field<T = Record<string, unknown>>(name: keyof T & string, ...deeper: string[]): Expression {
  return { op: 'field', path: [name, ...deeper] };
}

/** The same for every record. */
export const literal = (value: string | number | boolean): Expression => ({ op: 'literal', value });

function lift(operand: Operand): Expression {
  return typeof operand === 'object' ? operand : literal(operand);
}
const binary =
  (op: Binary) =>
  (left: Operand, right: Operand): Expression => ({ op, left: lift(left), right: lift(right) });

export const eq = binary('eq');
export const ne = binary('ne');
export const gt = binary('gt');
export const gte = binary('gte');
export const lt = binary('lt');
export const lte = binary('lte');
export const and = binary('and');
export const or = binary('or');
export const plus = binary('plus');
export const minus = binary('minus');
export const times = binary('times');
/** `result` where the condition is true, null where it is not. */
export const when = (condition: Expression, result: Operand): Expression => ({
  op: 'when',
  condition,
  result: lift(result),
});
export const not = (of: Expression): Expression => ({ op: 'not', of });
export const isNull = (of: Expression): Expression => ({ op: 'isNull', of });
export const concat = (...parts: Operand[]): Expression => ({ op: 'concat', parts: parts.map(lift) });
/** Replaces every match of a regular expression (of what JavaScript and Java have in common), with `$1` for groups. */
export const replace = (of: Expression, pattern: string, by: string): Expression => ({
  op: 'replace',
  of,
  pattern,
  by,
});

export type Evaluate = (value: unknown) => unknown;

/** The function that an expression stands for. Its result is never undefined. */
export function compileExpression(expression: Expression): Evaluate {
  switch (expression.op) {
    case 'field':
      return compileField(expression.path);
    case 'literal': {
      const { value } = expression;
      return () => value;
    }
    case 'not': {
      const of = compileExpression(expression.of);
      return (value) => {
        const result = of(value);
        return result === null ? null : !result;
      };
    }
    case 'when': {
      const condition = compileExpression(expression.condition);
      const result = compileExpression(expression.result);
      return (value) => (condition(value) === true ? result(value) : null);
    }
    case 'isNull': {
      const of = compileExpression(expression.of);
      return (value) => of(value) === null;
    }
    case 'concat': {
      const parts = expression.parts.map(compileExpression);
      return (value) => {
        let text = '';
        for (const part of parts) {
          const result = part(value);
          if (result === null) return null;
          text += result;
        }
        return text;
      };
    }
    case 'replace': {
      const of = compileExpression(expression.of);
      const pattern = new RegExp(expression.pattern, 'g');
      const { by } = expression;
      return (value) => {
        const text = of(value);
        return typeof text === 'string' ? text.replace(pattern, by) : null;
      };
    }
    default:
      return compileBinary(expression.op, compileExpression(expression.left), compileExpression(expression.right));
  }
}

type Fields = Readonly<Record<string, unknown>>;

function compileField(path: readonly string[]): Evaluate {
  const [first, ...deeper] = path as [string, ...string[]];
  if (deeper.length === 0) return (value) => (value as Fields)[first] ?? null;
  return (value) => {
    let at = (value as Fields)[first];
    for (const name of deeper) {
      if (typeof at !== 'object' || at === null) return null;
      at = (at as Fields)[name];
    }
    return at ?? null;
  };
}

type Comparable = string | number;

function compileBinary(op: Binary, left: Evaluate, right: Evaluate): Evaluate {
  if (op === 'and' || op === 'or') {
    const decisive = op === 'or';
    return (value) => {
      const a = left(value);
      if (a === decisive) return decisive;
      const b = right(value);
      if (b === decisive) return decisive;
      return a === null || b === null ? null : !decisive;
    };
  }
  const operate = OPERATE[op] as (a: unknown, b: unknown) => unknown;
  return (value) => {
    const a = left(value);
    const b = right(value);
    return a === null || b === null ? null : operate(a, b);
  };
}

const OPERATE: Record<Comparison, (a: Comparable, b: Comparable) => boolean> &
  Record<Arithmetic, (a: number, b: number) => number> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  gt: (a, b) => a > b,
  gte: (a, b) => a >= b,
  lt: (a, b) => a < b,
  lte: (a, b) => a <= b,
  plus: (a, b) => a + b,
  minus: (a, b) => a - b,
  times: (a, b) => a * b,
};
