import { type KafkaSettings, openProducer, type Producer } from '../kafka/index.ts';
import type { GatewayConfig } from './config/index.ts';
import { authoritiesExpiry, chainExpiry, kafkaSettings } from './credentials/index.ts';
import type { CertificateExpiry } from './health/index.ts';

/** Brokers come and go: what one of them showed is forgotten when it was not connected to for so long. */
const FORGET_MS = 7 * 86_400_000;

/** The way to Kafka as configuration and files have it now. */
export interface KafkaAccess {
  open(): Promise<Producer>;
  /** Reads everything anew. Gives whether anything is other than before. @throws HeadwaterError, and nothing was changed then */
  renew(config: GatewayConfig): boolean;
  /** Of the authority, of this gateway, and of the brokers as they showed themselves. */
  certificates(): CertificateExpiry[];
}

/** @throws HeadwaterError where a file that the configuration names cannot be used */
export function kafkaAccess(config: GatewayConfig, now: () => number): KafkaAccess {
  const read = (from: GatewayConfig) => ({ settings: kafkaSettings(from), compression: from.forwarder.compression });
  let current = read(config);
  let own = ownCertificates(current.settings);
  const brokers = new Map<string, { readonly expiresAt: number; readonly seenAt: number }>();
  return {
    open() {
      const { settings, compression } = current;
      const onBrokerCertificate = (broker: string, expiresAt: number) => {
        brokers.set(broker, { expiresAt, seenAt: now() });
      };
      return openProducer(settings, { compression, onBrokerCertificate });
    },
    renew(next) {
      const found = read(next);
      if (JSON.stringify(found) === JSON.stringify(current)) return false;
      own = ownCertificates(found.settings);
      current = found;
      return true;
    },
    certificates() {
      for (const [broker, { seenAt }] of brokers) if (now() - seenAt > FORGET_MS) brokers.delete(broker);
      const seen = [...brokers.values()].map(({ expiresAt }) => expiresAt);
      return seen.length === 0 ? own : [...own, { name: 'kafka_broker', expiresAt: Math.min(...seen) }];
    },
  };
}

function ownCertificates(settings: KafkaSettings): CertificateExpiry[] {
  const ca = { name: 'kafka_ca', expiresAt: authoritiesExpiry(settings.ca) };
  return 'cert' in settings ? [ca, { name: 'kafka_client', expiresAt: chainExpiry(settings.cert) }] : [ca];
}
