import { X509Certificate } from 'node:crypto';
import type { KafkaSettings, OnBrokerCertificate } from './types.ts';

/** When a certificate that this program depends on expires. */
export interface CertificateExpiry {
  /** `kafka_ca`, `kafka_client`, `kafka_broker`, or what else the program has. */
  readonly name: string;
  /** ms since the epoch */
  readonly expiresAt: number;
}

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
/** Brokers come and go: what one of them showed is forgotten when it was not connected to for so long. */
const FORGET_MS = 7 * 86_400_000;

/** The certificates of a PEM text. @throws where a block is no certificate, or there is no block */
export function parseCertificates(pem: string): X509Certificate[] {
  const found = (pem.match(BLOCK) ?? []).map((block) => new X509Certificate(block));
  if (found.length === 0) throw new Error('there is no PEM certificate in it');
  return found;
}

/** When the first certificate of a chain expires, ms since the epoch. */
export function chainExpiry(pem: string): number {
  return Math.min(...parseCertificates(pem).map((certificate) => certificate.validToDate.getTime()));
}

/** When the last authority of a list expires: an old one may stand beside its successor until it is gone. */
export function authoritiesExpiry(pem: string): number {
  return Math.max(...parseCertificates(pem).map((certificate) => certificate.validToDate.getTime()));
}

/** Those of the way to Kafka that this side has: the authority it trusts, and its own. @throws where a text is no PEM */
export function ownCertificates(settings: KafkaSettings): CertificateExpiry[] {
  const ca = { name: 'kafka_ca', expiresAt: authoritiesExpiry(settings.ca) };
  return 'cert' in settings ? [ca, { name: 'kafka_client', expiresAt: chainExpiry(settings.cert) }] : [ca];
}

/** What the brokers showed at the last connections to each. */
export interface BrokerCertificates {
  readonly seen: OnBrokerCertificate;
  /** Of one broker by its address `host:port`, or the first of all; undefined before a connection. */
  expiresAt(broker?: string): number | undefined;
}

/** `now` gives ms since the epoch. */
export function brokerCertificates(now: () => number): BrokerCertificates {
  const brokers = new Map<string, { readonly expiresAt: number; readonly seenAt: number }>();
  return {
    seen: (broker, expiresAt) => void brokers.set(broker, { expiresAt, seenAt: now() }),
    expiresAt(of) {
      for (const [broker, { seenAt }] of brokers) if (now() - seenAt > FORGET_MS) brokers.delete(broker);
      if (of !== undefined) return brokers.get(of)?.expiresAt;
      const all = [...brokers.values()].map(({ expiresAt }) => expiresAt);
      return all.length === 0 ? undefined : Math.min(...all);
    },
  };
}
