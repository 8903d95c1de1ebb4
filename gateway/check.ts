import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { HeadwaterError } from '../contract/index.ts';
import type { GatewayConfig } from './config/index.ts';
import { kafkaSettings } from './credentials/index.ts';
import { plannedInputs } from './inputs/index.ts';

/**
 * Checks the files that a configuration names: that they are there, hold what they should, and that certificates and keys fit each other.
 * @throws HeadwaterError `CONFIG_INVALID` with every problem in `details`
 */
export async function checkFiles(config: GatewayConfig): Promise<void> {
  const loading = [
    (async () => kafkaSettings(config))(),
    (async () => checkFolder(config.buffer.dir))(),
    ...plannedInputs(config, { debug: () => {} }).map(({ load }) => load()),
  ];
  const failed = (await Promise.allSettled(loading)).filter((result) => result.status === 'rejected');
  if (failed.length === 0) return;
  const details = failed.map(({ reason }) => (reason as Error).message);
  throw new HeadwaterError('CONFIG_INVALID', 'files that the configuration names cannot be used:', { details });
}

/** One that is missing will be made. @throws HeadwaterError where it cannot be, because a file stands in its place */
function checkFolder(dir: string): void {
  let at = dir;
  let found = statSync(at, { throwIfNoEntry: false });
  while (found === undefined && at !== dirname(at)) {
    at = dirname(at);
    found = statSync(at, { throwIfNoEntry: false });
  }
  if (found === undefined || found.isDirectory()) return;
  throw new HeadwaterError('BUFFER_DIR', `buffer.dir is ${dir}, and ${at} is a file; name a folder`);
}
