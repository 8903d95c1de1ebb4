import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findUsbPort } from './usb.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'headwater-sysfs-'));
  mkdirSync(join(root, 'sys/class/tty/tty0'), { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true }));

/** Lays an adapter out as the kernel does: the terminal below an interface below the adapter that has the ids. */
function plugIn(name: string, idVendor: string, idProduct: string, serial?: string): void {
  const adapter = join(root, `sys/devices/usb1/1-${name}`);
  const its = join(adapter, '1-1:1.0', name);
  mkdirSync(its, { recursive: true });
  for (const [file, text] of Object.entries({ idVendor, idProduct, ...(serial && { serial }) })) {
    writeFileSync(join(adapter, file), `${text}\n`);
  }
  mkdirSync(join(root, 'sys/class/tty', name), { recursive: true });
  symlinkSync(its, join(root, 'sys/class/tty', name, 'device'));
}

const FTDI = { vendorId: '0403', productId: '6001' };

test('a port is found by its adapter, whatever its name is now', () => {
  plugIn('ttyUSB0', '1a86', '7523');
  plugIn('ttyUSB1', '0403', '6001', 'A50285BI');
  expect(findUsbPort(FTDI, root)).toBe(join(root, 'dev/ttyUSB1'));
  renameSync(join(root, 'sys/class/tty/ttyUSB1'), join(root, 'sys/class/tty/ttyUSB7'));
  expect(findUsbPort(FTDI, root)).toBe(join(root, 'dev/ttyUSB7'));
});

test('two adapters of one make are told apart by their serial numbers, and not guessed at without', () => {
  plugIn('ttyUSB0', '0403', '6001', 'A1');
  plugIn('ttyUSB1', '0403', '6001', 'B2');
  expect(findUsbPort({ ...FTDI, serialNumber: 'B2' }, root)).toBe(join(root, 'dev/ttyUSB1'));
  expect(() => findUsbPort(FTDI, root)).toThrow(/ttyUSB0 and ttyUSB1: give its serialNumber/);
});

test('ids are the same in capitals', () => {
  plugIn('ttyACM0', '2e8a', '000a');
  expect(findUsbPort({ vendorId: '2E8A', productId: '000A' }, root)).toBe(join(root, 'dev/ttyACM0'));
});

test('an adapter that is not there is named', () => {
  expect(() => findUsbPort({ ...FTDI, serialNumber: 'B2' }, root)).toThrow('no serial port of USB 0403:6001 B2');
  expect(() => findUsbPort(FTDI, join(root, 'nowhere'))).toThrow('is plugged in');
});
