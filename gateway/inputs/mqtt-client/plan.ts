import { join } from 'node:path';
import { authoritiesExpiry, chainExpiry } from '../../../kafka/index.ts';
import { clientIdOf, type GatewayConfig, readSecret } from '../../config/index.ts';
import { readCertificates, readPair } from '../../credentials/index.ts';
import type { InputStatus } from '../input.ts';
import { type InputPlan, sectionKey } from '../plan.ts';
import type { Access } from './connection.ts';
import { type MqttClientInput, mqttClientInput } from './input.ts';

type Section = GatewayConfig['inputs']['mqttClients'][number];

/** The input that a section asks for; any change of the section makes it another one, of the same session at the broker. */
export function mqttClientPlan(
  section: Section,
  { gateway, buffer }: Pick<GatewayConfig, 'gateway' | 'buffer'>,
  log: { debug(fields: object, message: string): void },
): InputPlan {
  const at = 'inputs.mqttClients';
  const { name, url, topics } = section;
  const { passwordFile, caFile, certFile, keyFile } = section;
  return {
    at: `${at}.${name}`,
    key: sectionKey(at, section),
    fixed: {},
    files: [passwordFile, caFile, certFile, keyFile].filter((file) => file !== undefined),
    async load() {
      const access = readAccess(section, `${at}.${name}`);
      return {
        open: () =>
          mqttClientInput({
            name: `mqtt-client:${name}`,
            url,
            clientId: clientIdOf(section, gateway.id),
            subscriptions: topics,
            sessionFile: join(buffer.dir, `mqtt-client-${name}.json`),
            access,
            onChange: (state: InputStatus['state'], detail: string) => log.debug({ input: name, state }, detail),
          }),
        renew: (running) => (running as MqttClientInput).renew(access),
        certificates: [
          ...(access.cert === undefined ? [] : [{ name: `mqtt-client:${name}`, expiresAt: chainExpiry(access.cert) }]),
          ...(access.ca === undefined
            ? []
            : [{ name: `mqtt-client:${name}:ca`, expiresAt: authoritiesExpiry(access.ca) }]),
        ],
      };
    },
  };
}

/** @throws HeadwaterError where a file cannot be used */
function readAccess({ username, passwordFile, caFile, certFile, keyFile }: Section, at: string): Access {
  const pair = certFile !== undefined && keyFile !== undefined ? readPair({ certFile, keyFile }, at) : {};
  return {
    ...(username !== undefined && { username }),
    ...(passwordFile !== undefined && { password: readSecret(passwordFile, `the file ${at}.passwordFile`) }),
    ...(caFile !== undefined && { ca: readCertificates(caFile, `${at}.caFile`) }),
    ...pair,
  };
}
