/** What the board around the chip must be for `firmware-stubs/climate`: its sensors' voltages and the layout of its EEPROM. */
import { readFileSync } from 'node:fs';
import { HeadwaterError, NAME } from '../../contract/index.ts';
import { EEPROM_BYTES } from './chip.ts';

export interface Climate {
  readonly temperatureC: number;
  readonly humidityPct: number;
}

const SUPPLY_VOLTS = 5;
const TEMPERATURE_CHANNEL = 0;
const HUMIDITY_CHANNEL = 1;

/** The firmware that is kept in the repository, as Intel HEX. */
export function climateFirmware(): string {
  return readFileSync(new URL('../../firmware-stubs/climate/climate.hex', import.meta.url), 'utf8');
}

/** Volts of the TMP36 and the HIH-4030 in this climate; other pins are open. */
export function sensorVolts({ temperatureC, humidityPct }: Climate, channel: number): number | undefined {
  if (channel === TEMPERATURE_CHANNEL) return 0.5 + 0.01 * temperatureC;
  if (channel === HUMIDITY_CHANNEL) return SUPPLY_VOLTS * (0.16 + 0.0062 * humidityPct);
  return undefined;
}

/** Writes a board's name where the firmware looks for it. Throws `device.invalid` on a name the platform would refuse. */
export function writeDeviceId(eeprom: Uint8Array, deviceId: string): void {
  if (!NAME.test(deviceId)) {
    throw new HeadwaterError('device.invalid', `"${deviceId}" cannot name a board: use 1–64 of A–Z a–z 0–9 _ . : -`);
  }
  eeprom.set(Buffer.from(`${deviceId}\0`, 'latin1'));
}

export function erasedEeprom(): Uint8Array {
  return new Uint8Array(EEPROM_BYTES).fill(0xff);
}
