import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { getRawAsset } from 'node:sea';
import { HeadwaterError } from '../../../contract/index.ts';

/**
 * Runs inside the binary, in the place of `node-gyp-build`. The dynamic loader takes files only, so the addon becomes one in a folder that nobody
 * else can write to, and is gone again as soon as it is loaded: nothing is trusted that lay there before, and nothing stays.
 *
 * @throws HeadwaterError `SERIAL_ADDON`
 */
export function loadSerialAddon(): unknown {
  const folder = mkdtempSync(join(tmpdir(), 'headwater-'));
  try {
    const file = join(folder, 'serialport.node');
    writeFileSync(file, new Uint8Array(getRawAsset('serialport.node')), { mode: 0o500 });
    const loaded = { exports: {} };
    process.dlopen(loaded, file, constants.dlopen.RTLD_NOW);
    return loaded.exports;
  } catch (cause) {
    const message = `serial ports need a native part that could not be loaded from ${folder}: ${(cause as Error).message}. Set TMPDIR to a folder from which programs may run.`;
    throw new HeadwaterError('SERIAL_ADDON', message, { cause });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
