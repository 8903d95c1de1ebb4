/** Boards that run the real firmware of `firmware-stubs/`, and the lines they speak over. */
export { type Attachment, type AttachOptions, attach, type Bridge } from './attach.ts';
export { type Board, type BoardOptions, runBoard } from './board.ts';
export { type Climate, climateFirmware, erasedEeprom } from './climate.ts';
export { type Clock, type ManualClock, manualClock, wallClock } from './clock.ts';
export { acknowledge, type BoardFrame, type FrameReader, frameReader } from './frames.ts';
export { type Noise, type NoiseOptions, noise } from './noise.ts';
export type { SentFrame, Truth } from './truth.ts';
