import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defaultCacheDir } from '../../infra/local/index.ts';

/** Boots throw-away Debian machines in Linux namespaces; see its head. */
const TOOL =
  process.env.HEADWATER_TESTMACHINE ?? fileURLToPath(new URL('../../../shared/tools/testmachine', import.meta.url));
const NEEDS = ['debootstrap', 'ip', 'unshare', 'nsenter'];

/** Why no machine can be had here; undefined where one can. */
export function whyNoMachine(): string | undefined {
  if (process.platform !== 'linux') return 'Linux';
  if (!existsSync(TOOL)) return 'the testmachine tool';
  if (process.getuid?.() !== 0) return 'root';
  const missing = NEEDS.filter((name) => spawnSync('which', [name]).status !== 0);
  return missing.length > 0 ? missing.join(', ') : undefined;
}

export interface Machine {
  readonly address: string;
  /** Runs a shell command as root inside, with `input` on its standard input; gives its output. @throws with the output when it fails */
  run(command: string, input?: string | Buffer): string;
  close(): void;
}

/** A machine with real systemd. The first one on this computer takes two minutes, because its base is made then. */
export function bootMachine(name: string, address: string): Machine {
  const dir = join(defaultCacheDir(), 'testmachine');
  const tool = (args: string[], input?: string | Buffer): string => {
    const { status, stdout, stderr, error } = spawnSync('bash', [TOOL, ...args], {
      encoding: 'utf8',
      input,
      maxBuffer: 1e8,
    });
    if (status === 0) return stdout;
    throw new Error(`testmachine ${args.join(' ')}: ${error?.message ?? ''}${stdout}${stderr}`);
  };
  tool(['base', dir]);
  // What a run before this one may have left.
  tool(['down', dir, name]);
  tool(['up', dir, name, address]);
  return {
    address,
    run: (command, input) => tool(['exec', dir, name, 'sh', '-ec', command], input),
    close: () => void tool(['down', dir, name]),
  };
}
