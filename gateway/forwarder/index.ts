export { startForwarder } from './forwarder.ts';
export type { Forwarder, ForwarderLimits, ForwarderOptions, ForwarderSettings, ForwarderStatus } from './types.ts';
