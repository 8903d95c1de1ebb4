import { z } from 'zod';

export const port = z.int().min(0).max(65_535);
/** A key that holds one ends in `File`, or is `dir`: so they are found, and made absolute. */
export const file = z.string().min(1).describe('A path, relative to the folder of this file.');

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** Those that stand in a list more than once, each once. */
export function repeated(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, at) => names.indexOf(name) !== at))];
}
