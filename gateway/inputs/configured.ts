import { type GatewayConfig, readSecret } from '../config/index.ts';
import { chainExpiry, type Pair, readPair } from '../credentials/index.ts';
import { hostInput } from './host/input.ts';
import type { Input } from './input.ts';
import { type Accounts, hashPassword } from './mqtt/accounts.ts';
import { type MqttInput, type MqttOptions, mqttInput } from './mqtt/input.ts';
import { mqttClientPlan } from './mqtt-client/plan.ts';
import { serialInput } from './serial/input.ts';

/** An input as the configuration asks for it. */
export interface InputPlan {
  /** Where it stands in the configuration, for people. */
  readonly at: string;
  /** A running input of the same key goes on when the configuration is read again. */
  readonly key: string;
  /** Settings, by their path, that only a restart can change on a running input of this key. */
  readonly fixed: Readonly<Record<string, unknown>>;
  /** Files whose contents it uses. */
  readonly files: readonly string[];
  /** Reads them. @throws HeadwaterError where one cannot be used */
  load(): Promise<LoadedInput>;
}

export interface LoadedInput {
  /** Makes the input, not started yet. */
  open(): Input;
  /** Brings one that runs up to date; absent where its key holds all there is to change, and its files are read once. */
  renew?(running: Input): void;
  /** When its own certificates expire, ms since the epoch. */
  readonly certificates?: readonly { readonly name: string; readonly expiresAt: number }[];
}

/** The inputs that the configuration asks for. */
export function plannedInputs(
  config: GatewayConfig,
  log: { debug(fields: object, message: string): void },
): InputPlan[] {
  const { mqtt, serial, host } = config.inputs;
  const plans = serial.map((section, n) => plan(`inputs.serial.${n}`, section, () => serialInput(section)));
  if (host) {
    const options = { device: `${config.gateway.id}-host`, everyMs: host.every, diskDir: config.buffer.dir };
    plans.push(plan('inputs.host', host, () => hostInput(options)));
  }
  if (mqtt) plans.push(brokerPlan(mqtt, log));
  for (const section of config.inputs.mqttClients) plans.push(mqttClientPlan(section, config, log));
  return plans;
}

/** Any change of its section makes it another input. */
function plan(at: string, section: object, open: () => Input): InputPlan {
  const kind = at.replace(/\.\d+$/, '');
  return { at, key: `${kind} ${JSON.stringify(section)}`, fixed: {}, files: [], load: async () => ({ open }) };
}

type BrokerSection = NonNullable<GatewayConfig['inputs']['mqtt']>;

function brokerPlan(section: BrokerSection, log: { debug(fields: object, message: string): void }): InputPlan {
  const { host, port, tls, accounts } = section;
  return {
    at: 'inputs.mqtt',
    key: 'inputs.mqtt',
    fixed: { 'inputs.mqtt.host': host, 'inputs.mqtt.port': port, 'inputs.mqtt.tls': tls !== undefined },
    files: [tls?.certFile, tls?.keyFile, ...accounts.map(({ passwordFile }) => passwordFile)].filter(
      (f) => f !== undefined,
    ),
    async load() {
      const pair = tls && readPair(tls, 'inputs.mqtt.tls');
      const options = await brokerOptions(section, pair, log);
      return {
        open: () => mqttInput(options),
        // The only kind of input that has this key.
        renew: (running) => (running as MqttInput).renew(options),
        ...(pair && { certificates: [{ name: 'mqtt', expiresAt: chainExpiry(pair.cert) }] }),
      };
    },
  };
}

async function brokerOptions(
  { host, port, maxClients, anonymous, accounts }: BrokerSection,
  tls: Pair | undefined,
  log: { debug(fields: object, message: string): void },
): Promise<MqttOptions> {
  return {
    host,
    port,
    maxClients,
    ...(tls && { tls }),
    ...(!anonymous && { accounts: await readAccounts(accounts) }),
    onClientError: (client, error) => log.debug({ client, err: error }, 'an MQTT client was cut off'),
  };
}

async function readAccounts(accounts: BrokerSection['accounts']): Promise<Accounts> {
  const hashed = accounts.map(async ({ username, passwordHash, passwordFile = '' }): Promise<[string, string]> => {
    const hash =
      passwordHash ?? (await hashPassword(readSecret(passwordFile, `the password of MQTT user ${username}`)));
    return [username, hash];
  });
  return new Map(await Promise.all(hashed));
}
