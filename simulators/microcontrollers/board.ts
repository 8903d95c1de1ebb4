import { CYCLES_PER_MS, createChip, FLASH_BYTES } from './chip.ts';
import { type Climate, climateFirmware, erasedEeprom, sensorVolts, writeDeviceId } from './climate.ts';
import { type Clock, wallClock } from './clock.ts';
import { parseIntelHex } from './intel-hex.ts';
import type { Noise } from './noise.ts';
import { createTruthLog, type Truth } from './truth.ts';

export interface BoardOptions {
  /** The climate around the board at a time of the board's clock (ms since the epoch, for the wall clock). */
  readonly sensors: (tMs: number) => Climate;
  /** Written to the EEPROM before the first power-up; without it the board has the name its EEPROM or its firmware gives. */
  readonly deviceId?: string;
  /** Intel HEX text; the repository's climate firmware by default. */
  readonly hex?: string;
  /** The board's EEPROM, 1024 bytes, which outlives it; erased by default. */
  readonly eeprom?: Uint8Array;
  readonly clock?: Clock;
  /** What the line does to bytes on their way out of the board and into it. */
  readonly noise?: { readonly tx?: Noise; readonly rx?: Noise };
  /** Remember every frame for `truth()`, which takes some 270 bytes each: off for boards that run for days. On by default. */
  readonly keepTruth?: boolean;
}

export interface Board {
  /** Calls `listener` with what the board sends, as it goes; gives what ends that. */
  onTx(listener: (bytes: Uint8Array) => void): () => void;
  /** Sends bytes to the board. */
  rx(bytes: Uint8Array): void;
  /** Cuts the power for a moment: memory is lost, the EEPROM stays. */
  reset(): void;
  truth(): Truth;
  close(): void;
}

/** How long the chip runs at a time. Bytes leave and reach the board at these steps, as through a UART's FIFO. */
const STEP_MS = 20;
/** A board that could not run for longer than this (a suspended laptop) does not make up for it. */
const MAX_BEHIND_MS = 1000;

/**
 * Powers up a board that runs real firmware at its real speed until it is closed.
 * Throws `firmware.invalid` or `device.invalid`.
 */
export function runBoard(options: BoardOptions): Board {
  const { sensors, clock = wallClock, eeprom = erasedEeprom(), noise = {}, keepTruth = true } = options;
  if (options.deviceId !== undefined) writeDeviceId(eeprom, options.deviceId);
  const flash = parseIntelHex(options.hex ?? climateFirmware(), FLASH_BYTES);
  const truth = createTruthLog();
  const listeners = new Set<(bytes: Uint8Array) => void>();
  let sent: number[] = [];
  let poweredAt = clock.now();

  const timeOf = (cycle: number) => poweredAt + cycle / CYCLES_PER_MS;
  const powerUp = (cause: 'power' | 'watchdog') => {
    truth.powerCut();
    poweredAt = clock.now();
    const pins = {
      analog: (channel: number, cycle: number) => sensorVolts(sensors(timeOf(cycle)), channel),
      transmit: (byte: number) => {
        sent.push(byte);
        if (keepTruth) truth.sent(byte, timeOf(chip.cycles));
      },
    };
    return createChip(flash, eeprom, pins, cause);
  };
  let chip = powerUp('power');

  const step = () => {
    const behind = clock.now() - timeOf(chip.cycles);
    if (behind > MAX_BEHIND_MS) poweredAt += behind - STEP_MS;
    if (!chip.runUntil((clock.now() - poweredAt) * CYCLES_PER_MS)) chip = powerUp('watchdog');
    if (sent.length > 0) {
      const bytes = Uint8Array.from(sent);
      sent = [];
      const arriving = noise.tx?.(bytes) ?? bytes;
      for (const listener of listeners) listener(arriving);
    }
    cancelStep = clock.after(STEP_MS, step);
  };
  let cancelStep = clock.after(0, step);

  return {
    onTx(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    rx(bytes) {
      const arriving = noise.rx?.(bytes) ?? bytes;
      if (keepTruth) truth.received(arriving);
      chip.receive(arriving);
    },
    reset() {
      chip = powerUp('power');
    },
    truth: () => truth.read(),
    close: () => cancelStep(),
  };
}
