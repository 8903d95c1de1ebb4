import { expect, test } from 'vitest';
import { CYCLES_PER_MS, createChip, FLASH_BYTES } from './chip.ts';
import { climateFirmware, erasedEeprom } from './climate.ts';
import { parseIntelHex } from './intel-hex.ts';

const pins = { analog: () => 1, transmit: () => {} };

test('the firmware feeds its watchdog', () => {
  const chip = createChip(parseIntelHex(climateFirmware(), FLASH_BYTES), erasedEeprom(), pins);
  expect(chip.runUntil(10_000 * CYCLES_PER_MS)).toBe(true);
});

test('a firmware that stops feeding its watchdog is reset after 2 s, and comes up again', () => {
  const starving = parseIntelHex(climateFirmware(), FLASH_BYTES);
  const words = new Uint16Array(starving.buffer);
  const watchdogReset = 0x95a8;
  const eeprom = erasedEeprom();
  words.forEach((word, at) => {
    if (word === watchdogReset) words[at] = 0;
  });
  for (const cause of ['power', 'watchdog'] as const) {
    const chip = createChip(starving, eeprom, pins, cause);
    expect(chip.runUntil(1_900 * CYCLES_PER_MS)).toBe(true);
    expect(chip.runUntil(2_200 * CYCLES_PER_MS)).toBe(false);
  }
});

test('a chip that sleeps without a clock to wake it stays asleep', () => {
  const words = new Uint16Array(FLASH_BYTES / 2);
  words.set([
    0xe001, // ldi r16, 1 (sleep enabled, idle)
    0xbf03, // out SMCR, r16
    0x9588, // sleep
    0xe50a, // ldi r16, 'Z'
    0x9300, // sts UDR0, r16
    0x00c6,
  ]);
  const sent: number[] = [];
  const chip = createChip(new Uint8Array(words.buffer), erasedEeprom(), { ...pins, transmit: (b) => sent.push(b) });
  expect(chip.runUntil(1_000 * CYCLES_PER_MS)).toBe(true);
  expect(chip.cycles).toBe(1_000 * CYCLES_PER_MS);
  expect(sent).toEqual([]);
});
