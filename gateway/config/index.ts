import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { HeadwaterError, parseConfig } from '../../contract/index.ts';
import { GatewayConfig } from './schema.ts';

export { GatewayConfig, gatewayJsonSchema } from './schema.ts';
export type { Format } from './sections/formats.ts';
export { clientIdOf } from './sections/mqtt-client.ts';
export { portName } from './sections/serial.ts';
export type { TransformStep } from './sections/transform.ts';
export { parseTopicPattern, type TopicPattern } from './topic-pattern.ts';
export { type Conversion, conversionOf, tidy } from './unit-conversion.ts';

/** No configuration, secret or certificate is larger; what is, is another file, and reading it would hold up everything. */
const MAX_FILE_BYTES = 1_048_576;

/**
 * Reads a gateway's configuration. Paths in it become absolute, taken from the folder of the file. `HEADWATER_GATEWAY__KAFKA__BROKERS='[a:9092]'`
 * overrides `kafka.brokers`: two underscores go a level down, one makes a capital.
 *
 * @throws HeadwaterError `CONFIG_MISSING`, or `CONFIG_INVALID` with every problem by its path and line in `details`
 */
export function loadGatewayConfig(path: string, env: NodeJS.ProcessEnv = process.env): GatewayConfig {
  const text = readText(path, 'CONFIG_MISSING', 'the gateway’s configuration');
  const config = parseConfig(GatewayConfig, { text, file: path, env, prefix: 'HEADWATER_GATEWAY' });
  return withAbsolutePaths(config, dirname(path));
}

/**
 * The secret in a file, without the line end an editor leaves.
 * @throws HeadwaterError `SECRET_MISSING`
 */
export function readSecret(path: string, what: string): string {
  const secret = readText(path, 'SECRET_MISSING', what).trimEnd();
  if (secret === '') throw new HeadwaterError('SECRET_MISSING', `${what} (${path}) is empty`);
  return secret;
}

function readText(path: string, code: string, what: string): string {
  try {
    if (statSync(path).size > MAX_FILE_BYTES)
      throw new Error('it is larger than 1 MiB, so it cannot be the right file');
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new HeadwaterError(code, `${what} cannot be read from ${path}: ${(cause as Error).message}`, { cause });
  }
}

/** Keys that end in `File`, and `dir`, hold paths. */
function withAbsolutePaths<T>(value: T, folder: string): T {
  if (Array.isArray(value)) return value.map((item) => withAbsolutePaths(item, folder)) as T;
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, its]) => {
    const isPath = typeof its === 'string' && (key === 'dir' || key.endsWith('File'));
    return [key, isPath ? resolve(folder, its) : withAbsolutePaths(its, folder)];
  });
  return Object.fromEntries(entries) as T;
}
