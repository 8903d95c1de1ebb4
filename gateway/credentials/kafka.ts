import type { KafkaSettings } from '../../kafka/index.ts';
import { type GatewayConfig, readSecret } from '../config/index.ts';
import { readCertificates, readPair } from './pem.ts';

/**
 * How to reach Kafka, with what the files hold now.
 * @throws HeadwaterError where a file is missing, empty or not what it should be
 */
export function kafkaSettings({ gateway, kafka }: GatewayConfig): KafkaSettings {
  const { brokers, username = 'gateway', passwordFile, certFile, keyFile } = kafka;
  const cluster = { brokers, clientId: gateway.id, ca: readCertificates(kafka.caFile, 'kafka.caFile') };
  if (certFile !== undefined && keyFile !== undefined)
    return { ...cluster, ...readPair({ certFile, keyFile }, 'kafka') };
  return { ...cluster, username, password: readSecret(passwordFile ?? '', 'the file kafka.passwordFile') };
}
