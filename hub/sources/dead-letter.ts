import { CONTRACT_VERSION, type DeadLetter, encode, HEADER, type HeadwaterError } from '../../contract/index.ts';
import type { OutgoingRecord } from '../../kafka/index.ts';

export const HEADERS = { [HEADER.version]: CONTRACT_VERSION } as const;

const KEPT_BYTES = 4096;

/** The record that says what could not be understood. `key` names the file, `origin` also where in it. */
export function deadLetter(key: string, origin: string, error: HeadwaterError, bytes: Buffer): OutgoingRecord {
  const value: DeadLetter = {
    origin,
    code: error.code,
    reason: error.message,
    bytes: bytes.subarray(0, KEPT_BYTES).toString('base64'),
    ts: Date.now(),
  };
  return { key, value: encode(value), headers: HEADERS };
}
