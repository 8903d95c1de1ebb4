import { isObject } from '../parsed.ts';

/** Levels below which nothing is looked for. */
const MAX_DEPTH = 8;
/** No message has so many values; what comes after them is not looked at. */
const MAX_LEAVES = 1_024;

export interface Leaf {
  /** Keys from the outermost in; a place in a list is its number from 0. */
  readonly path: readonly string[];
  readonly value: unknown;
}

/** What stands in a JSON value that is no object and no list, in its order. */
export function leavesOf(json: unknown): Leaf[] {
  const leaves: Leaf[] = [];
  collect(json, [], leaves);
  return leaves;
}

function collect(value: unknown, path: readonly string[], leaves: Leaf[]): void {
  if (leaves.length >= MAX_LEAVES) return;
  if (!isObject(value) && !Array.isArray(value)) {
    leaves.push({ path, value });
    return;
  }
  if (path.length >= MAX_DEPTH) return;
  for (const [key, its] of Object.entries(value)) collect(its, [...path, key], leaves);
}
