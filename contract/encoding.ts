/** Version of the contract, sent in every record's `v` header. Versions only add; see docs/decisions. */
export const CONTRACT_VERSION = '1';

/** Kafka headers that mean something to Headwater. */
export const HEADER = {
  version: 'v',
  /** Identity of a raw record; see identity.ts. */
  identity: 'id',
  /** What a raw record is; absent for a reading. */
  kind: 'kind',
  /** "1" on a live record sent while its gateway still holds a backlog: older readings will follow. */
  backlog: 'backlog',
  /** Lane of the reading, carried from the raw record to `iot.readings`. */
  lane: 'lane',
} as const;

export type RawKind = 'reading' | 'rejected' | 'evicted';

export function encode(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** The parsed JSON, or undefined when the bytes are not JSON. */
export function decode(bytes: Buffer | null | undefined): unknown {
  if (bytes === null || bytes === undefined) return undefined;
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
