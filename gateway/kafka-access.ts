import {
  brokerCertificates,
  type CertificateExpiry,
  openProducer,
  ownCertificates,
  type Producer,
} from '../kafka/index.ts';
import type { GatewayConfig } from './config/index.ts';
import { kafkaSettings } from './credentials/index.ts';

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
  const brokers = brokerCertificates(now);
  return {
    open() {
      const { settings, compression } = current;
      return openProducer(settings, { compression, onBrokerCertificate: brokers.seen });
    },
    renew(next) {
      const found = read(next);
      if (JSON.stringify(found) === JSON.stringify(current)) return false;
      own = ownCertificates(found.settings);
      current = found;
      return true;
    },
    certificates() {
      const expiresAt = brokers.expiresAt();
      return expiresAt === undefined ? own : [...own, { name: 'kafka_broker', expiresAt }];
    },
  };
}
