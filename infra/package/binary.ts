import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { HeadwaterError } from '../../contract/index.ts';
import pkg from '../../package.json' with { type: 'json' };
import type { Bundle } from './bundle.ts';
import { stripElf } from './elf.ts';
import { type Architecture, NODE_VERSION, nodeFor } from './node-runtime.ts';

/** Where Node looks for the program inside itself, and what tells it that there is one. */
const RESOURCE = 'NODE_SEA_BLOB';
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

const POSTJECT = createRequire(import.meta.url).resolve('postject/dist/cli.js');

const ADDON: Record<Architecture, string> = {
  x64: 'prebuilds/linux-x64/@serialport+bindings-cpp.glibc.node',
  arm64: 'prebuilds/linux-arm64/@serialport+bindings-cpp.armv8.glibc.node',
};

/** What Node runs with inside the binary. A busy gateway needs 90 MB less when its heap is collected as soon as it has grown by a fifth. */
const NODE_FLAGS = ['--disable-warning=ExperimentalWarning', ...pkg.gatewayFlags];

/**
 * The gateway as one program for Linux on `architecture`, made on any architecture. The same sources give the same bytes.
 * @throws HeadwaterError `NODE_DOWNLOAD`, `PACKAGE_NODE`, `PACKAGE_BLOB`
 */
export function buildBinary(bundle: Bundle, architecture: Architecture): Buffer {
  const node = stripElf(readFileSync(nodeFor(architecture)));
  const folder = mkdtempSync(join(tmpdir(), 'headwater-package-'));
  try {
    writeFileSync(join(folder, 'program'), node);
    makeBlob(bundle, architecture, folder);
    runNode([POSTJECT, 'program', RESOURCE, 'blob', '--sentinel-fuse', FUSE], folder);
    return readFileSync(join(folder, 'program'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Writes `blob` into the folder. */
function makeBlob(bundle: Bundle, architecture: Architecture, folder: string): void {
  if (process.versions.node !== NODE_VERSION) {
    const message = `the binary holds Node ${NODE_VERSION}, and only the same Node can prepare it; this is ${process.versions.node}. Run: npm run package`;
    throw new HeadwaterError('PACKAGE_NODE', message);
  }
  // The name of the script is kept in the binary, and Node starts in this folder, so it names no machine's paths.
  writeFileSync(join(folder, 'headwater-gateway.js'), bundle.main);
  const assets: Record<string, string> = { 'serialport.node': join(serialportDir(), ADDON[architecture]) };
  for (const [name, source] of bundle.threads) {
    writeFileSync(join(folder, name), source);
    assets[name] = name;
  }
  const config = {
    main: 'headwater-gateway.js',
    output: 'blob',
    disableExperimentalSEAWarning: true,
    // Both hold for one architecture only.
    useSnapshot: false,
    useCodeCache: false,
    execArgv: NODE_FLAGS,
    assets,
  };
  writeFileSync(join(folder, 'sea.json'), JSON.stringify(config));
  runNode(['--experimental-sea-config', 'sea.json'], folder);
}

function runNode(args: readonly string[], cwd: string): void {
  const { status, stderr, stdout } = spawnSync(process.execPath, args, { cwd, encoding: 'utf8' });
  if (status === 0) return;
  throw new HeadwaterError('PACKAGE_BLOB', `the program could not be put into Node (${args[0]}): ${stdout}${stderr}`);
}

const serialportDir = (): string =>
  dirname(createRequire(import.meta.resolve('serialport')).resolve('@serialport/bindings-cpp/package.json'));
