import { statfs } from 'node:fs/promises';
import type { Health } from '../../contract/index.ts';
import type { CertificateExpiry, ClusterState } from '../../kafka/index.ts';

/** The last time the contract can carry. */
const MAX_TS = 4_102_444_800_000;
const DAY = 86_400_000;

/** What a hub last found out about itself and the cluster; undefined what it could not yet. */
export interface Known {
  /** Records by `group/topic`. */
  lag: Readonly<Record<string, number>> | undefined;
  diskFreeBytes: number | undefined;
  certificates: readonly CertificateExpiry[];
  cluster: ClusterState | undefined;
}

export const lagMaxOf = (lag: Readonly<Record<string, number>>): Pick<Health, 'lagMax' | 'lagMaxOf'> => {
  const [most] = Object.entries(lag).sort(([, a], [, b]) => b - a);
  return most ? { lagMax: most[1], lagMaxOf: most[0] } : {};
};

/** `now` is ms since the epoch. */
export function expiryOf(
  certificates: readonly CertificateExpiry[],
  now: number,
): Pick<Health, 'certificateExpiresAt' | 'certificate' | 'certificateDaysLeft'> {
  const [first] = certificates.toSorted((a, b) => a.expiresAt - b.expiresAt);
  if (first === undefined) return { certificateExpiresAt: null };
  // The contract cannot carry a later time, and that is as good as for ever.
  const expiresAt = Math.min(MAX_TS, first.expiresAt);
  const days = Math.round(((expiresAt - now) / DAY) * 10) / 10;
  return { certificateExpiresAt: expiresAt, certificate: first.name, certificateDaysLeft: days };
}

/** A hub's account of itself. */
export function hubHealth(
  { lag = {}, diskFreeBytes, certificates }: Known,
  about: Pick<Health, 'process' | 'cpuShare' | 'latencyMs' | 'counts' | 'startedAt'>,
  now: number,
): Health {
  return {
    kind: 'hub',
    ts: now,
    rssMb: Math.round(process.memoryUsage.rss() / 1_048_576),
    diskFreeBytes: diskFreeBytes ?? null,
    lag,
    ...lagMaxOf(lag),
    ...expiryOf(certificates, now),
    ...about,
  };
}

/** The accounts of the brokers, as a client sees them. */
export function brokersHealth(
  { brokers }: ClusterState,
  certificateOf: (address: string) => number | undefined,
  now: number,
): Health[] {
  return brokers.map(({ id, address, replicas, outOfSync, offline, disk }) => {
    const expiresAt = address === undefined ? undefined : certificateOf(address);
    return {
      process: `kafka-${id}`,
      kind: 'kafka',
      ts: now,
      // A client cannot see those.
      rssMb: 0,
      cpuShare: 0,
      diskFreeBytes: disk?.freeBytes ?? null,
      lag: {},
      ...expiryOf(expiresAt === undefined ? [] : [{ name: 'kafka_broker', expiresAt }], now),
      counts: { replicas, outOfSync, offlinePartitions: offline, up: address === undefined ? 0 : 1 },
    };
  });
}

export async function freeBytesOf(dir: string): Promise<number | undefined> {
  const disk = await statfs(dir).catch(() => undefined);
  return disk && disk.bavail * disk.bsize;
}

/** The share of one core this process has used since the last call. */
export function cpuShares(): () => number {
  let used = process.cpuUsage();
  let at = performance.now();
  return () => {
    const more = process.cpuUsage(used);
    const elapsed = performance.now() - at;
    used = process.cpuUsage();
    at = performance.now();
    return Math.round((more.user + more.system) / elapsed) / 1_000;
  };
}
