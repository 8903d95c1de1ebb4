import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { HeadwaterError, parseConfig } from '../../contract/index.ts';
import { GatewayConfig } from './schema.ts';

export { GatewayConfig, gatewayJsonSchema } from './schema.ts';

/**
 * Reads a gateway's configuration. Paths in it become absolute, taken from the folder of the file. `HEADWATER_GATEWAY__KAFKA__BROKERS='[a:9092]'`
 * overrides `kafka.brokers`: two underscores go a level down, one makes a capital.
 *
 * @throws HeadwaterError `CONFIG_MISSING`, or `CONFIG_INVALID` with every problem by its path and line in `details`
 */
export function loadGatewayConfig(path: string, env: NodeJS.ProcessEnv = process.env): GatewayConfig {
  const text = readText(path, 'CONFIG_MISSING', 'the gateway’s configuration');
  return withAbsolutePaths(parseConfig(GatewayConfig, { text, file: path, env, prefix: 'HEADWATER_GATEWAY' }), path);
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
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new HeadwaterError(code, `${what} cannot be read from ${path}: ${(cause as Error).message}`, { cause });
  }
}

function withAbsolutePaths(config: GatewayConfig, path: string): GatewayConfig {
  const absolute = (file: string) => resolve(dirname(path), file);
  const { buffer, kafka, inputs } = config;
  const { mqtt } = inputs;
  return {
    ...config,
    buffer: { ...buffer, dir: absolute(buffer.dir) },
    kafka: { ...kafka, caFile: absolute(kafka.caFile), passwordFile: absolute(kafka.passwordFile) },
    inputs: {
      ...inputs,
      ...(mqtt && {
        mqtt: {
          ...mqtt,
          ...(mqtt.tls && { tls: { certFile: absolute(mqtt.tls.certFile), keyFile: absolute(mqtt.tls.keyFile) } }),
          accounts: mqtt.accounts.map((account) => ({
            ...account,
            ...(account.passwordFile !== undefined && { passwordFile: absolute(account.passwordFile) }),
          })),
        },
      }),
    },
  };
}
