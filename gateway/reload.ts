import { HeadwaterError } from '../contract/index.ts';
import { type GatewayConfig, loadGatewayConfig } from './config/index.ts';

/** Sections of the configuration that only a restart can change. */
const FIXED = ['gateway', 'buffer', 'http', 'clock'] as const;

/** What reading the configuration again came to; all by paths of the configuration. */
export interface Reloaded {
  /** Settings that differ from before and hold now. */
  readonly changed: readonly string[];
  readonly inputsStarted: readonly string[];
  readonly inputsClosed: readonly string[];
  /** Settings that differ from what runs, and that only a restart can change. */
  readonly needRestart: readonly string[];
}

/**
 * Reads the configuration file again and takes over what can be while the gateway runs. What came of it is logged. Gives the configuration, or
 * undefined where it cannot be used: then everything goes on as it was.
 */
export async function reloadFrom(
  file: string,
  gateway: { reload(config: GatewayConfig): Promise<Reloaded> },
  log: { info(fields: object, message: string): void; warn(fields: object, message: string): void },
): Promise<GatewayConfig | undefined> {
  try {
    const config = loadGatewayConfig(file);
    const { needRestart, ...done } = await gateway.reload(config);
    log.info(done, `${file} was read again`);
    for (const path of needRestart) log.warn({ path }, `${path} differs from what runs, and needs a restart`);
    return config;
  } catch (error) {
    log.warn({ err: error }, `${file} cannot be used, and everything stays as it was: ${(error as Error).message}`);
    if (error instanceof HeadwaterError) for (const problem of error.details) log.warn({ problem }, problem);
    return undefined;
  }
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
