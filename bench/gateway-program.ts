import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { headwater } from '../cli/support.ts';
import pkg from '../package.json' with { type: 'json' };

/** What runs as the gateway. */
export interface GatewayProgram {
  readonly program: 'source' | 'binary';
  command(args: readonly string[]): { readonly command: string; readonly args: string[] };
}

const BINARY = resolve(import.meta.dirname, `../dist/headwater-gateway-${pkg.version}-linux-${process.arch}`);
const UNIT = resolve(import.meta.dirname, '../infra/package/debian/headwater-gateway.service');

export const SOURCE: GatewayProgram = { program: 'source', command: headwater };

/** The single binary that `npm run package` has built for this machine, if it has. */
export function builtBinary(): GatewayProgram | undefined {
  if (!existsSync(BINARY)) return undefined;
  // As after a boot: a file that was just written lies in memory whole, and is then counted whole.
  spawnSync('sync', [BINARY], { stdio: 'ignore' });
  spawnSync('dd', [`if=${BINARY}`, 'iflag=nocache', 'count=0'], { stdio: 'ignore' });
  return { program: 'binary', command: (args) => ({ command: BINARY, args: [...args] }) };
}

/** The environment that the unit of the Debian package gives it. */
export function unitEnvironment(): Record<string, string> {
  const settings = readFileSync(UNIT, 'utf8').matchAll(/^Environment=(\w+)=(.*)$/gm);
  return Object.fromEntries(Array.from(settings, ([, name, value]) => [name!, value!]));
}
