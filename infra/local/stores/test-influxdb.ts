import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasInfluxDb, type InfluxDb, type InfluxDbOptions, startInfluxDb } from './influxdb.ts';

/** Whether tests with it run: on a developer's machine where it was prepared, and wherever HEADWATER_STORES is `required`, as in `.ci/run`. */
export const wantsInfluxDb = (): boolean => hasInfluxDb() || process.env.HEADWATER_STORES === 'required';

/** A server for one test file, in a folder of its own that goes with it. */
export async function startTestInfluxDb(options: Omit<InfluxDbOptions, 'dir'> = {}): Promise<InfluxDb> {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-influx-'));
  const wipe = () => rmSync(dir, { recursive: true, force: true });
  const influx = await startInfluxDb({ ...options, dir }).catch((error) => {
    wipe();
    throw error;
  });
  const stop = influx.close;
  const close = async () => {
    // Nobody will read this data again, so nothing is gained by a tidy end.
    await stop(0);
    wipe();
  };
  return Object.defineProperties(influx, { close: { value: close }, [Symbol.asyncDispose]: { value: close } });
}
