import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { HeadwaterError } from '../../../contract/index.ts';

/** What a USB adapter says of itself, whatever port it is plugged into; the ids are 4 hex digits. */
export interface UsbId {
  readonly vendorId: string;
  readonly productId: string;
  readonly serialNumber?: string | undefined;
}

/**
 * The device file of the serial port behind a USB id, from the kernel's /sys, which is there without udev. `root` stands for `/` in tests.
 *
 * @throws HeadwaterError `SERIAL_NOT_PLUGGED_IN`, `SERIAL_AMBIGUOUS`
 */
export function findUsbPort(id: UsbId, root = '/'): string {
  const terminals = join(root, 'sys/class/tty');
  const names = existsSync(terminals) ? readdirSync(terminals) : [];
  const found = names.filter((name) => matches(id, join(terminals, name, 'device'))).sort();
  const what = [`USB ${id.vendorId}:${id.productId}`, id.serialNumber].filter(Boolean).join(' ');
  if (found.length === 0) {
    throw new HeadwaterError('SERIAL_NOT_PLUGGED_IN', `no serial port of ${what} is plugged in`, { retryable: true });
  }
  if (found.length > 1) {
    const advice = 'give its serialNumber, or a path of /dev/serial/by-id';
    throw new HeadwaterError('SERIAL_AMBIGUOUS', `${what} is ${found.join(' and ')}: ${advice}`, { retryable: true });
  }
  return join(root, 'dev', found[0]!);
}

function matches(id: UsbId, device: string): boolean {
  try {
    // A terminal's device lies some folders below that of the adapter, which has the ids.
    for (let at = realpathSync(device); at !== dirname(at); at = dirname(at)) {
      if (!existsSync(join(at, 'idVendor'))) continue;
      const read = (name: string) => readFileSync(join(at, name), 'utf8').trim();
      if (read('idVendor') !== id.vendorId.toLowerCase() || read('idProduct') !== id.productId.toLowerCase())
        return false;
      return id.serialNumber === undefined || (existsSync(join(at, 'serial')) && read('serial') === id.serialNumber);
    }
  } catch {
    // A terminal without a device, or one that is being unplugged.
  }
  return false;
}
