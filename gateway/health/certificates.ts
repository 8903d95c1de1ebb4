import type { CertificateExpiry } from '../../kafka/index.ts';

/** From so long before its end on, a certificate is a reason to look: time enough for whoever comes by once a month. */
export const WARN_MS = 30 * 86_400_000;

const REPLACE: Readonly<Record<string, string>> = {
  kafka_ca: 'put the new authority beside the old one in kafka.caFile',
  kafka_client: 'write a new one to kafka.certFile and kafka.keyFile',
  kafka_broker: 'renew it on the brokers; nothing is to be done here',
  mqtt: 'write a new one to inputs.mqtt.tls.certFile and keyFile',
  mqtt_devices_ca: 'put the new authority beside the old one in inputs.mqtt.tls.clientCaFile',
};
const REPLACE_OF_CLIENT = 'write a new one to the certFile and keyFile of this input';
const REPLACE_CA_OF_CLIENT = 'put the new authority beside the old one in the caFile of this input';

/** What to do about certificates that end soon or have ended, a sentence for each. `now` is ms since the epoch. */
export function certificateAdvice(certificates: readonly CertificateExpiry[], now: number): string[] {
  return certificates
    .filter(({ expiresAt }) => expiresAt - now < WARN_MS)
    .map(({ name, expiresAt }) => {
      const when = expiresAt <= now ? 'expired on' : `expires in ${daysLeft(expiresAt, now)} days, on`;
      const what = REPLACE[name] ?? (name.endsWith(':ca') ? REPLACE_CA_OF_CLIENT : REPLACE_OF_CLIENT);
      return `the certificate ${name} ${when} ${new Date(expiresAt).toISOString().slice(0, 10)}: ${what}`;
    });
}

export const daysLeft = (expiresAt: number, now: number): number => Math.floor((expiresAt - now) / 86_400_000);
