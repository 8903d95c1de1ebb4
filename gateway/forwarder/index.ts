export { startForwarder } from './forwarder.ts';
export type { ForwarderLimits } from './limits.ts';
export type { Forwarder, ForwarderOptions, ForwarderSettings, ForwarderStatus } from './types.ts';
