import { type GatewayConfig, readSecret } from '../config/index.ts';
import { hostInput } from './host/input.ts';
import type { Input } from './input.ts';
import { type Accounts, hashPassword } from './mqtt/accounts.ts';
import { type MqttInput, mqttInput } from './mqtt/input.ts';
import { serialInput } from './serial/input.ts';

/**
 * The inputs that the configuration asks for, not started yet.
 * @throws HeadwaterError `SECRET_MISSING`
 */
export async function configuredInputs(
  config: GatewayConfig,
  log: { debug(fields: object, message: string): void },
): Promise<{ inputs: Input[]; mqtt: MqttInput | undefined; certificates: string[] }> {
  const { mqtt, serial, host } = config.inputs;
  const inputs: Input[] = serial.map(serialInput);
  if (host) {
    const device = `${config.gateway.id}-host`;
    inputs.push(hostInput({ device, everyMs: host.every, diskDir: config.buffer.dir }));
  }
  if (!mqtt) return { inputs, mqtt: undefined, certificates: [] };

  const tls = mqtt.tls && {
    cert: readSecret(mqtt.tls.certFile, 'the file inputs.mqtt.tls.certFile'),
    key: readSecret(mqtt.tls.keyFile, 'the file inputs.mqtt.tls.keyFile'),
  };
  const broker = mqttInput({
    host: mqtt.host,
    port: mqtt.port,
    maxClients: mqtt.maxClients,
    ...(tls && { tls }),
    ...(!mqtt.anonymous && { accounts: await readAccounts(mqtt.accounts) }),
    onClientError: (client, error) => log.debug({ client, err: error }, 'an MQTT client was cut off'),
  });
  inputs.push(broker);
  return { inputs, mqtt: broker, certificates: tls ? [tls.cert] : [] };
}

type ConfiguredAccounts = NonNullable<GatewayConfig['inputs']['mqtt']>['accounts'];

async function readAccounts(accounts: ConfiguredAccounts): Promise<Accounts> {
  const hashed = accounts.map(async ({ username, passwordHash, passwordFile = '' }): Promise<[string, string]> => {
    const hash =
      passwordHash ?? (await hashPassword(readSecret(passwordFile, `the password of MQTT user ${username}`)));
    return [username, hash];
  });
  return new Map(await Promise.all(hashed));
}
