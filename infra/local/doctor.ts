import { execFile } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import { homedir, totalmem } from 'node:os';
import { availableMemory, platform } from 'node:process';
import { promisify, stripVTControlCharacters } from 'node:util';
import { INSTALL, type Install } from './install.ts';
import { findJava, JAVA_NEEDED } from './kafka/java.ts';
import { findProgram } from './stores/build.ts';
import { STORES } from './stores/recipes.ts';
import { GO_NEEDED, isGoNewEnough } from './stores/toolchain.ts';

export interface MachineCheck {
  readonly name: string;
  readonly ok: boolean;
  /** False: something works less well without it, named in `need`. */
  readonly required: boolean;
  /** What is there: a version or an amount; undefined when nothing is. */
  readonly found: string | undefined;
  readonly need: string;
  readonly install: Install | undefined;
}

const NODE_NEEDED = [20, 19] as const;
const DISK_GB = 3;
const MEMORY_GB = 1.5;
// macOS counts as free only what nobody ever used, so there the whole memory is looked at.
const MACOS_MEMORY_GB = 4;
const CHROMIUM = [
  'chromium',
  'chromium-browser',
  'google-chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** What this machine has and lacks for running Headwater and its tests, and how to get it. */
export async function checkMachine(): Promise<readonly MachineCheck[]> {
  return Promise.all([
    node(),
    tool('npm', ['npm'], '--version', 'any version', INSTALL.node, true),
    java(),
    tool('maven', ['mvn'], '--version', 'any version; it fetches Kafka', INSTALL.maven, true),
    disk(),
    memory(),
    tool('chromium', CHROMIUM, '--version', 'only for the tests in a browser', INSTALL.chromium, false),
    tool('socat', ['socat'], '-V', 'only for trying serial lines without hardware', INSTALL.socat, false),
    go(),
    tool('rust', ['cargo'], '--version', 'only for `npm run stores`', INSTALL.rust, false),
    tool('cc', ['cc'], '--version', 'only for `npm run stores`', INSTALL.cc, false),
    stores(),
    tool('avr-gcc', ['avr-gcc'], '--version', 'only for building the firmware', INSTALL.avr, false),
  ]);
}

function node(): MachineCheck {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const ok = major > NODE_NEEDED[0] || (major === NODE_NEEDED[0] && minor >= NODE_NEEDED[1]);
  const need = `${NODE_NEEDED.join('.')} or newer`;
  return { name: 'node', ok, required: true, found: process.version, need, install: INSTALL.node };
}

async function java(): Promise<MachineCheck> {
  const need = `${JAVA_NEEDED} or newer; it runs Kafka`;
  const check = { name: 'java', required: true, need, install: INSTALL.java };
  try {
    const { version } = await findJava();
    return { ...check, ok: true, found: firstLine(version) };
  } catch (error) {
    return { ...check, ok: false, found: (error as { code: string }).code === 'JAVA_TOO_OLD' ? 'too old' : undefined };
  }
}

async function go(): Promise<MachineCheck> {
  const need = `only for \`npm run stores\`: ${GO_NEEDED.join('.')} or newer`;
  const check = await tool('go', ['go'], 'version', need, INSTALL.go, false);
  return { ...check, ok: check.ok && isGoNewEnough(check.found ?? '') };
}

function stores(): MachineCheck {
  const there = STORES.filter((recipe) => findProgram(recipe) !== undefined);
  return {
    name: 'stores',
    ok: there.length === STORES.length,
    required: false,
    found: there.map(({ title, version }) => `${title} ${version}`).join(', ') || undefined,
    need: 'only for `headwater up --stores`: run `npm run stores` once',
    install: undefined,
  };
}

async function tool(
  name: string,
  commands: readonly string[],
  option: string,
  need: string,
  install: Install,
  required: boolean,
): Promise<MachineCheck> {
  for (const command of commands) {
    const found = await versionOf(command, option);
    if (found !== undefined) return { name, ok: true, required, found, need, install };
  }
  return { name, ok: false, required, found: undefined, need, install };
}

async function versionOf(command: string, option: string): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(command, [option]);
    return firstLine(stdout);
  } catch {
    return undefined; // Not there, or it does not run: the same to whoever needs it.
  }
}

async function disk(): Promise<MachineCheck> {
  const { bavail, bsize } = await statfs(homedir());
  return amount('free disk', bavail * bsize, DISK_GB, 'GB for dependencies, Kafka and data');
}

function memory(): MachineCheck {
  return platform === 'linux'
    ? amount('free memory', availableMemory(), MEMORY_GB, 'GB for the whole platform')
    : amount('memory', totalmem(), MACOS_MEMORY_GB, 'GB for the whole platform');
}

function amount(name: string, bytes: number, neededGb: number, unit: string): MachineCheck {
  const gb = bytes / 1e9;
  return {
    name,
    ok: gb >= neededGb,
    required: true,
    found: `${gb.toFixed(1)} GB`,
    need: `${neededGb} ${unit}`,
    install: undefined,
  };
}

/** Without the colours that Maven puts in even when nobody can see them. */
const firstLine = (text: string): string => stripVTControlCharacters(text).trim().split('\n')[0] ?? '';
