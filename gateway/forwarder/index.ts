export { startForwarder } from './forwarder.ts';
export type { Forwarder, ForwarderLimits, ForwarderOptions, ForwarderStatus } from './types.ts';
