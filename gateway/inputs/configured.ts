import { join } from 'node:path';
import { authoritiesExpiry, chainExpiry } from '../../kafka/index.ts';
import { type GatewayConfig, readSecret } from '../config/index.ts';
import { type Pair, readCertificates, readPair } from '../credentials/index.ts';
import { hostInput } from './host/input.ts';
import type { Input } from './input.ts';
import { type Account, type Accounts, setPassword } from './mqtt/accounts.ts';
import { type MqttInput, type MqttOptions, mqttInput } from './mqtt/input.ts';
import { mqttClientPlan } from './mqtt-client/plan.ts';
import { type InputPlan, sectionKey } from './plan.ts';
import { serialInput } from './serial/input.ts';

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
  if (mqtt) plans.push(brokerPlan(mqtt, config.buffer.dir, log));
  for (const section of config.inputs.mqttClients) plans.push(mqttClientPlan(section, config, log));
  return plans;
}

function plan(at: string, section: object, open: () => Input): InputPlan {
  const kind = at.replace(/\.\d+$/, '');
  return { at, key: sectionKey(kind, section), fixed: {}, files: [], load: async () => ({ open }) };
}

type BrokerSection = NonNullable<GatewayConfig['inputs']['mqtt']>;

function brokerPlan(
  section: BrokerSection,
  dir: string,
  log: { debug(fields: object, message: string): void },
): InputPlan {
  const { host, port, tls, accounts } = section;
  return {
    at: 'inputs.mqtt',
    key: 'inputs.mqtt',
    fixed: {
      'inputs.mqtt.host': host,
      'inputs.mqtt.port': port,
      'inputs.mqtt.tls': tls !== undefined,
      // Whether a server asks for certificates is settled when it is made; whose it takes is not.
      'inputs.mqtt.tls.clientCaFile': tls?.clientCaFile !== undefined,
      'inputs.mqtt.tls.clientCertificates': tls?.clientCertificates ?? 'required',
    },
    files: [tls?.certFile, tls?.keyFile, tls?.clientCaFile, ...accounts.map(({ passwordFile }) => passwordFile)].filter(
      (f) => f !== undefined,
    ),
    async load() {
      const pair = tls && readPair(tls, 'inputs.mqtt.tls');
      const options = brokerOptions(section, pair, dir, log);
      return {
        open: () => mqttInput(options),
        // The only kind of input that has this key.
        renew: (running) => (running as MqttInput).renew(options),
        certificates: pair ? certificatesOf(pair, options) : [],
      };
    },
  };
}

/** Those without which no device gets in. */
function certificatesOf({ cert }: Pair, { tls }: MqttOptions) {
  const own = { name: 'mqtt', expiresAt: chainExpiry(cert) };
  const { clientCa } = tls ?? {};
  return clientCa === undefined ? [own] : [own, { name: 'mqtt_devices_ca', expiresAt: authoritiesExpiry(clientCa) }];
}

function brokerOptions(
  { host, port, maxClients, anonymous, accounts, tls: section, local }: BrokerSection,
  tls: Pair | undefined,
  dir: string,
  log: { debug(fields: object, message: string): void },
): MqttOptions {
  const { clientCaFile, clientCertificates } = section ?? {};
  const clientCa = clientCaFile && readCertificates(clientCaFile, 'inputs.mqtt.tls.clientCaFile');
  return {
    host,
    port,
    maxClients,
    local,
    sessionsFile: join(dir, 'mqtt-sessions.json'),
    ...(tls && { tls: { ...tls, ...(clientCa && { clientCa }), ...(clientCertificates && { clientCertificates }) } }),
    ...(!anonymous && { accounts: readAccounts(accounts) }),
    ...(typeof anonymous === 'object' && { anonymous }),
    onClientError: (client, error) => log.debug({ client, err: error }, 'an MQTT client was cut off'),
  };
}

function readAccounts(sections: BrokerSection['accounts']): Accounts {
  const accounts = new Map<string, Account>();
  for (const { username, passwordFile, passwordHash, ...rights } of sections) {
    const account = { ...rights, ...(passwordHash && { passwordHash }) };
    if (passwordFile) setPassword(account, readSecret(passwordFile, `the password of MQTT user ${username}`));
    accounts.set(username, account);
  }
  return accounts;
}
