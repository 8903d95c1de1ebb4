export { configuredInputs } from './configured.ts';
export { Decoder } from './decode.ts';
export { type GatewayClock, systemClock } from './gateway-clock.ts';
export { openIntake } from './hold.ts';
export type { Input, InputStatus, Message, Receipt, Receive } from './input.ts';
export { hashPassword } from './mqtt-accounts.ts';
