import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { HeadwaterError } from '../../../contract/index.ts';
import { defaultCacheDir } from '../kafka/artifacts.ts';
import { waitForLock } from '../process/lock.ts';
import { howItEnded, startProcess } from '../process/process.ts';
import type { Recipe } from './recipes.ts';
import { requireGo, requireRust } from './toolchain.ts';

export interface BuildOptions {
  /** Default: $HEADWATER_CACHE, or ~/.cache/headwater. */
  readonly cacheDir?: string;
  /** A sentence now and then while it builds. */
  readonly onProgress?: (text: string) => void;
  readonly env?: NodeJS.ProcessEnv;
}

const TELL_EVERY_MS = 10_000;
const NETWORK = /dial tcp|no such host|i\/o timeout|connection refused|TLS handshake|proxyconnect|: 5\d\d /i;

/** Where a recipe's program is kept. The folder is named by all that goes into it, and appears in one rename, so what is there is whole. */
export function programPath(recipe: Recipe, cacheDir = defaultCacheDir()): string {
  const hash = createHash('sha256').update(JSON.stringify([recipe.target, recipe.tags, recipe.ldflags]));
  for (const file of readdirSync(recipe.sources).sort()) hash.update(readFileSync(join(recipe.sources, file)));
  return join(cacheDir, `${recipe.name}-${recipe.version}-${hash.digest('hex').slice(0, 12)}`, recipe.name);
}

/** The path of a prepared program; undefined where `npm run stores` has not made it yet. */
export function findProgram(recipe: Recipe, cacheDir?: string): string | undefined {
  const path = programPath(recipe, cacheDir);
  return existsSync(path) ? path : undefined;
}

/**
 * The path of a recipe's program, built on first use and kept. A build that was broken off leaves nothing that would be taken for one, and Go's and Rust's
 * own caches let the next one go on.
 * @throws HeadwaterError `GO_MISSING`, `GO_TOO_OLD`, `CC_MISSING`, `RUST_MISSING`, `BUILD_FAILED`, `DOWNLOAD_FAILED` (`retryable`)
 */
export async function ensureProgram(recipe: Recipe, options: BuildOptions = {}): Promise<string> {
  const { cacheDir = defaultCacheDir(), onProgress = () => {}, env = process.env } = options;
  const path = programPath(recipe, cacheDir);
  if (existsSync(path)) return path;
  await requireGo(env);
  const rust = recipe.rust ? await requireRust(env) : {};
  mkdirSync(cacheDir, { recursive: true });
  const dir = join(path, '..');
  const lock = await waitForLock(`${dir}.lock`, (pid) =>
    onProgress(`waiting for process ${pid}, which is building ${recipe.title}`),
  );
  const partial = `${dir}.partial`;
  try {
    // Another one may have been at it.
    if (existsSync(path)) return path;
    onProgress(`building ${recipe.title} ${recipe.version} (once; ${recipe.cost})`);
    rmSync(partial, { recursive: true, force: true });
    cpSync(recipe.sources, partial, { recursive: true });
    await build(recipe, partial, rust, onProgress);
    mkdirSync(`${partial}/done`);
    renameSync(join(partial, recipe.name), join(partial, 'done', recipe.name));
    rmSync(dir, { recursive: true, force: true });
    renameSync(`${partial}/done`, dir);
    onProgress(`${recipe.title} ${recipe.version} is ready`);
    return path;
  } finally {
    rmSync(partial, { recursive: true, force: true });
    lock.release();
  }
}

async function build(recipe: Recipe, dir: string, rust: Record<string, string>, onProgress: (text: string) => void) {
  const settings = {
    CGO_ENABLED: recipe.rust ? '1' : '0',
    GOFLAGS: `${process.env.GOFLAGS ?? ''} -buildvcs=false`.trim(),
    ...rust,
  };
  const go = (what: string, args: string[], more = {}) =>
    run(recipe, what, dir, args, { ...settings, ...more }, onProgress);
  const through: Record<string, string> = {};
  if (recipe.rust) {
    await go('its pkg-config', ['build', '-o', 'pkg-config', 'github.com/influxdata/pkg-config']);
    // Newer compilers warn of more than its authors knew, and it makes errors of warnings.
    writeFileSync(join(dir, 'rustc'), '#!/bin/sh\nexec "$@" --cap-lints warn\n', { mode: 0o755 });
    through.PKG_CONFIG = join(dir, 'pkg-config');
    through.RUSTC_WORKSPACE_WRAPPER = join(dir, 'rustc');
  }
  const { name, tags, ldflags, target } = recipe;
  await go('it', ['build', '-v', '-tags', tags.join(','), '-ldflags', ldflags, '-o', name, target], through);
  await promisify(execFile)(join(dir, name), [...recipe.check]).catch((cause) => {
    throw new HeadwaterError('BUILD_FAILED', `${recipe.title} was built but does not run`, { cause });
  });
}

async function run(
  recipe: Recipe,
  what: string,
  cwd: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  onProgress: (text: string) => void,
): Promise<void> {
  const begun = performance.now();
  let told = begun;
  let modules = 0;
  let packages = 0;
  const tell = () => {
    told = performance.now();
    const seconds = Math.round((told - begun) / 1_000);
    onProgress(`${recipe.title}: ${modules} modules fetched, ${packages} packages compiled, ${seconds} s`);
  };
  const ticking = setInterval(() => performance.now() - told >= TELL_EVERY_MS && tell(), TELL_EVERY_MS);
  try {
    const compiler = await startProcess({
      name: `the build of ${recipe.title}`,
      command: 'go',
      args,
      cwd,
      env,
      onLine(line) {
        if (line.startsWith('go: downloading ')) modules++;
        // With -v, the name of each package as it is compiled.
        else if (/^[\w.~/-]+$/.test(line)) packages++;
      },
    });
    const exit = await compiler.exited;
    if (exit.code === 0) return;
    const network = NETWORK.test(exit.lastLines.join('\n'));
    throw new HeadwaterError(
      network ? 'DOWNLOAD_FAILED' : 'BUILD_FAILED',
      network
        ? `the modules of ${recipe.title} could not be downloaded. Check the network and GOPROXY, then run it again; what has arrived is kept.`
        : `go could not build ${what} for ${recipe.title} (${howItEnded(exit)})`,
      { details: exit.lastLines.slice(-15), retryable: network },
    );
  } finally {
    clearInterval(ticking);
  }
}
