export { openBuffer } from './client.ts';
export { FRAME_WINDOW } from './frames.ts';
export { digestFrom } from './packets.ts';
export { type Waiter, whenSettled } from './settlement.ts';
export { Trickle } from './trickle.ts';
export type {
  Buffer,
  BufferOptions,
  BufferStatus,
  DeviceId,
  Entry,
  Forget,
  Outcome,
  Stored,
  Submission,
} from './types.ts';
