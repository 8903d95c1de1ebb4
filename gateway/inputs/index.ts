export { type GatewayClock, systemClock } from './clock/gateway-clock.ts';
export { type HeldStatus, openIntake } from './clock/hold.ts';
export { plannedInputs } from './configured.ts';
export { Decoder } from './decode/decode.ts';
export { configuredRules, type RuleCounts } from './decode/rules.ts';
export type { Input, InputStatus, Message, Receipt, Receive } from './input.ts';
export { hashPassword } from './mqtt/accounts.ts';
export type { InputPlan } from './plan.ts';
export { type InputChanges, RunningInputs } from './running.ts';
