export { openBuffer } from './client.ts';
export type {
  Buffer,
  BufferOptions,
  BufferStatus,
  DeviceId,
  Entry,
  Outcome,
  Stored,
  Submission,
} from './types.ts';
