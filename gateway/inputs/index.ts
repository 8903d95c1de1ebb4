export { type GatewayClock, systemClock } from './clock/gateway-clock.ts';
export { openIntake } from './clock/hold.ts';
export { type InputPlan, plannedInputs } from './configured.ts';
export { Decoder } from './decode/decode.ts';
export type { Input, InputStatus, Message, Receipt, Receive } from './input.ts';
export { hashPassword } from './mqtt/accounts.ts';
export { type InputChanges, RunningInputs } from './running.ts';
