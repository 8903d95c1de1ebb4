import { statSync } from 'node:fs';
import { PAGE_BYTES } from './database.ts';
import type { BufferOptions, Submission } from './types.ts';

/** What a record takes on disk beside its value, and a submission for the memory of its id. */
const RECORD_OVERHEAD = 64;
const SUBMISSION_OVERHEAD = 80;
export const MIN_BYTES = 1024 * 1024;

/** The journal is checkpointed at this size. */
export function walLimitOf({ maxBytes }: BufferOptions): number {
  return Math.min(4 * 1024 * 1024, Math.max(256 * 1024, Math.floor(maxBytes / 16)));
}

/** Bytes of disk: records do not span pages, and those larger than one take whole pages of their own. */
export function sizeOf({ entries }: Submission): number {
  let size = SUBMISSION_OVERHEAD;
  for (const { value } of entries) {
    const length = value.length + RECORD_OVERHEAD;
    size += length > PAGE_BYTES ? 2 * PAGE_BYTES + length : PAGE_BYTES / Math.floor(PAGE_BYTES / length);
  }
  return size;
}

export function bytesOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
