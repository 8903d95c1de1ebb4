import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { HeadwaterError } from '../../../contract/index.ts';
import { INSTALL, type Install, installText } from '../install.ts';

export const GO_NEEDED = [1, 24] as const;

/** @throws HeadwaterError `GO_MISSING`, `GO_TOO_OLD` */
export async function requireGo(env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const version = await output('go', ['version'], env);
  const needed = GO_NEEDED.join('.');
  if (version === undefined) throw missing('GO_MISSING', `Go ${needed} or newer is needed`, INSTALL.go);
  if (!isGoNewEnough(version)) {
    throw missing('GO_TOO_OLD', `this machine has ${version.trim()}; Go ${needed} or newer is needed`, INSTALL.go);
  }
}

/** From what `go version` prints. */
export function isGoNewEnough(version: string): boolean {
  const [, major, minor] = /go(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(major) > GO_NEEDED[0] || (Number(major) === GO_NEEDED[0] && Number(minor) >= GO_NEEDED[1]);
}

/**
 * Settings for a build that calls Rust. A module of InfluxDB's pins a toolchain by a file of rustup's, which rustup would download; one that is installed
 * does as well. Without rustup there is but one.
 * @throws HeadwaterError `CC_MISSING`, `RUST_MISSING`
 */
export async function requireRust(env: NodeJS.ProcessEnv = process.env): Promise<Record<string, string>> {
  if ((await output('cc', ['--version'], env)) === undefined) {
    throw missing('CC_MISSING', 'a C compiler is needed', INSTALL.cc);
  }
  const listed = await output('rustup', ['toolchain', 'list'], env);
  const toolchain = env.RUSTUP_TOOLCHAIN || (listed === undefined ? undefined : chooseToolchain(listed));
  const chosen: Record<string, string> = toolchain === undefined ? {} : { RUSTUP_TOOLCHAIN: toolchain };
  for (const command of ['cargo', 'rustc']) {
    if ((await output(command, ['--version'], { ...env, ...chosen })) === undefined) {
      throw missing('RUST_MISSING', `Rust is needed, and "${command}" does not run`, INSTALL.rust);
    }
  }
  return chosen;
}

/** The toolchain that rustup uses by itself, else a stable one, else any; from what `rustup toolchain list` prints. */
export function chooseToolchain(list: string): string | undefined {
  const lines = list.split('\n').filter((line) => /^\S+-/.test(line));
  const chosen =
    lines.find((line) => /\bdefault\b/.test(line)) ?? lines.find((line) => line.startsWith('stable')) ?? lines[0];
  return chosen?.split(' ')[0];
}

function missing(code: string, what: string, install: Install): HeadwaterError {
  return new HeadwaterError(code, `${what} to build the stores. ${installText(install)}`);
}

/** What a command prints; undefined where it is not there or does not run. */
async function output(command: string, args: string[], env: NodeJS.ProcessEnv): Promise<string | undefined> {
  try {
    return (await promisify(execFile)(command, args, { env })).stdout;
  } catch {
    return undefined; // Not there, or it does not run: the same to whoever needs it.
  }
}
