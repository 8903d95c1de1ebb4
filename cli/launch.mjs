#!/usr/bin/env node
// Runs on the Node a machine already has (20.19 or newer): installs the dependencies when they are missing or stale,
// then hands over to the Node 24 that the npm package `node` brings. Everything else in the project needs Node 24.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const stamp = `${root}node_modules/.headwater-lock`;
const node = `${root}node_modules/node/bin/node`;

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  fail(
    `Headwater starts on Node 20.19 or newer; this is ${process.version}. Install one (Debian: apt install nodejs npm).`,
  );
}

const lock = readFileSync(`${root}package-lock.json`, 'utf8');
if (!existsSync(node) || !existsSync(stamp) || readFileSync(stamp, 'utf8') !== lock) {
  process.stderr.write('headwater: installing dependencies (once; about 200 MB, half a minute)…\n');
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (npm.error) fail(`npm could not be started (${npm.error.message}). Install it (Debian: apt install npm).`);
  if (npm.status !== 0)
    fail('npm ci failed: its message is above. Check the network and the free disk space, then start again.');
  if (!existsSync(node))
    fail('npm installed the package `node` without running its install script. Run: npm rebuild node');
  writeFileSync(stamp, lock);
}

// `launch.mjs exec FILE …` runs a script of the project, anything else is a headwater command.
const [first, ...rest] = process.argv.slice(2);
const script = first === 'exec' ? rest : [`${root}cli/main.ts`, ...process.argv.slice(2)];
// Keeps what type stripping and compilation gave: a command starts in a third of the time and takes 30 MB less.
const cache = join(process.env.HEADWATER_CACHE ?? join(homedir(), '.cache', 'headwater'), 'compiled');
const pkg = rest[0] === 'run' ? JSON.parse(readFileSync(`${root}package.json`, 'utf8')) : {};
const flags = pkg[`${first}Flags`] ?? [];
const child = spawn(node, ['--disable-warning=ExperimentalWarning', ...flags, ...script], {
  stdio: 'inherit',
  env: { NODE_COMPILE_CACHE: cache, ...pkg[`${first}Env`], ...process.env },
});
// Ctrl-C reaches the whole terminal group; the child decides when it is done.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  });
}
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)));

function fail(message) {
  process.stderr.write(`headwater: ${message}\n`);
  process.exit(1);
}
