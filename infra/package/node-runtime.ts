import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HeadwaterError } from '../../contract/index.ts';
import pkg from '../../package.json' with { type: 'json' };
import { defaultCacheDir } from '../local/index.ts';

export const ARCHITECTURES = ['x64', 'arm64'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** The Node that the project runs on is the Node inside the binary. */
export const NODE_VERSION = pkg.dependencies.node;

/** The licence of that Node and of all that is in it. */
export const nodeLicence = (architecture: Architecture): Buffer =>
  readFileSync(join(nodeFor(architecture), '../../LICENSE'));

/** npm's own digests of `node-linux-<architecture>` at NODE_VERSION: both are pinned as the lock file pins the rest. */
const DIGESTS: Record<Architecture, string> = {
  x64: 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  arm64: 'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
};

/**
 * The path of Node for Linux on an architecture, whatever this machine is: from the package that brings it, downloaded once and kept in the cache.
 * @throws HeadwaterError `NODE_DOWNLOAD`
 */
export function nodeFor(architecture: Architecture): string {
  const dir = join(defaultCacheDir(), `node-linux-${architecture}-${NODE_VERSION}`);
  const node = join(dir, 'package/bin/node');
  if (existsSync(node)) return node;
  mkdirSync(defaultCacheDir(), { recursive: true });
  const partial = mkdtempSync(`${dir}.`);
  try {
    const file = join(partial, download(architecture, partial));
    verify(file, architecture);
    run('tar', ['-xzf', file, '-C', partial, 'package/bin/node', 'package/LICENSE'], partial);
    rmSync(file);
    // Another build may have been quicker.
    if (!existsSync(node)) renameSync(partial, dir);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return node;
}

function download(architecture: Architecture, folder: string): string {
  const out = run('npm', ['pack', '--json', `node-linux-${architecture}@${NODE_VERSION}`], folder);
  return (JSON.parse(out) as { filename: string }[])[0]!.filename;
}

function verify(file: string, architecture: Architecture): void {
  const digest = `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`;
  if (digest === DIGESTS[architecture]) return;
  const where = fileURLToPath(import.meta.url);
  throw new HeadwaterError(
    'NODE_DOWNLOAD',
    `node-linux-${architecture}@${NODE_VERSION} has the digest ${digest}, and ${where} expects ${DIGESTS[architecture]}. After a change of the Node version, compare it with what npm says of that package and enter it there.`,
  );
}

function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status === 0) return stdout;
  throw new HeadwaterError('NODE_DOWNLOAD', `${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`, {
    retryable: true,
  });
}
