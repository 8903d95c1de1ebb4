import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { platform } from 'node:process';
import { HeadwaterError } from '../../../contract/index.ts';
import { commandLine } from './identity.ts';

// Below the range from which Linux and macOS take ports for outgoing connections: a port chosen there could be in use
// by some connection when the next start wants it again.
const LOWEST = 20_000;
const HIGHEST = 31_999;

export async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1' }, () => server.close(() => resolve(true)));
  });
}

/** Different free ports on 127.0.0.1, none of them in `taken`. Random, so that test files running at once rarely meet. */
export async function freePorts(count: number, taken: Iterable<number> = []): Promise<number[]> {
  const found = new Set<number>();
  const avoid = new Set(taken);
  for (let tries = 0; tries < 1_000 && found.size < count; tries++) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST + 1));
    if (!avoid.has(port) && (await isFree(port))) found.add(port);
  }
  if (found.size < count) {
    throw new HeadwaterError('NO_FREE_PORT', `no ${count} free ports between ${LOWEST} and ${HIGHEST} on 127.0.0.1`);
  }
  return [...found];
}

/** Who listens on a port, as `pid 12 (its command)`; "another process" where the system does not tell. */
export function holderOf(port: number): string {
  const pid = platform === 'linux' ? linuxHolder(port) : lsofHolder(port);
  return pid === undefined ? 'another process' : `pid ${pid} (${commandLine(pid)?.slice(0, 120) ?? 'unknown'})`;
}

function linuxHolder(port: number): number | undefined {
  const inodes = new Set(['tcp', 'tcp6'].flatMap((table) => listeningInodes(table, port)));
  if (inodes.size === 0) return undefined;
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      for (const fd of readdirSync(`/proc/${pid}/fd`)) {
        const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
        if (inode !== undefined && inodes.has(inode)) return Number(pid);
      }
    } catch {
      // Gone meanwhile, or another user's: look on.
    }
  }
  return undefined;
}

function listeningInodes(table: string, port: number): string[] {
  const LISTEN = '0A';
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  try {
    return readFileSync(`/proc/net/${table}`, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter((columns) => columns[1]?.endsWith(suffix) && columns[3] === LISTEN)
      .map((columns) => columns[9] ?? '');
  } catch {
    return []; // No IPv6 here.
  }
}

function lsofHolder(port: number): number | undefined {
  try {
    const output = execFileSync('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-t'], {
      encoding: 'utf8',
      stdio: 'pipe',
    });
    return Number(output.split('\n')[0]) || undefined;
  } catch {
    return undefined;
  }
}
