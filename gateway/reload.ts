import type { GatewayConfig } from './config/index.ts';

/** Sections of the configuration that only a restart can change. */
const FIXED = ['gateway', 'buffer', 'http'] as const;

/** What reading the configuration again came to; all by paths of the configuration. */
export interface Reloaded {
  /** Settings that differ from before and hold now. */
  readonly changed: readonly string[];
  readonly inputsStarted: readonly string[];
  readonly inputsClosed: readonly string[];
  /** Settings that differ from what runs, and that only a restart can change. */
  readonly needRestart: readonly string[];
}

/** The part of `next` that can hold while a gateway goes on that was started with `started`. */
export function withoutFixed(started: GatewayConfig, next: GatewayConfig): GatewayConfig {
  return { ...next, ...Object.fromEntries(FIXED.map((section) => [section, started[section]])) };
}

/** Paths of what only a restart can change. */
export function fixedChanges(started: GatewayConfig, next: GatewayConfig): string[] {
  return FIXED.flatMap((section) => changedPaths(started[section], next[section], section));
}

/** Paths at which two values differ; of a list or an object that only one of them has, its own path. */
export function changedPaths(before: unknown, after: unknown, path = ''): string[] {
  if (!isObject(before) || !isObject(after)) return Object.is(before, after) ? [] : [path];
  if (Array.isArray(before) !== Array.isArray(after)) return [path];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) => changedPaths(before[key], after[key], path === '' ? key : `${path}.${key}`));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
