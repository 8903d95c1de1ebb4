/** Gives a board's UART a path that a gateway can open as a serial line. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { access, mkdir, open, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Board } from './board.ts';

export interface Attachment {
  /** A terminal device to open with `serialport`, or `tcp://127.0.0.1:PORT` where this machine can make none. */
  readonly path: string;
  readonly kind: 'pty' | 'tcp';
  close(): Promise<void>;
}

export type Bridge = 'socat' | 'python3';

export interface AttachOptions {
  /** Folder for the terminal's link, made if it is missing. */
  readonly dir: string;
  /** File name of the link: the device's id, usually. */
  readonly name: string;
  /** What to make a terminal with, the first that works: both by default, none for TCP. */
  readonly bridges?: readonly Bridge[];
}

const READY_WITHIN_MS = 5000;
const LOOK_AGAIN_MS = 20;
/** More than this waiting for a reader is lost, as on any serial line. */
const MAX_UNREAD_BYTES = 16 * 1024;

/**
 * Node has no pseudo-terminals, so a helper process makes one: python3, or socat, which keeps some 200 KB of what nobody reads and gives it
 * to the next reader. Without either the line is a TCP port.
 */
export async function attach(board: Board, options: AttachOptions): Promise<Attachment> {
  for (const bridge of options.bridges ?? ['python3', 'socat']) {
    const attachment = await attachPty(board, options, bridge);
    if (attachment) return attachment;
  }
  return attachTcp(board);
}

async function attachPty(board: Board, { dir, name }: AttachOptions, bridge: Bridge): Promise<Attachment | undefined> {
  await mkdir(dir, { recursive: true });
  const path = join(dir, name);
  await rm(path, { force: true });
  const args =
    bridge === 'socat'
      ? [`PTY,rawer,link=./${name.replaceAll(':', '\\:')}`, 'STDIO']
      : [fileURLToPath(new URL('pty.py', import.meta.url)), name];
  const helper = spawn(bridge, args, { cwd: dir, stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = once(helper, 'close').catch(() => {});
  if (!(await appears(path, helper))) {
    helper.kill();
    await ended;
    return undefined;
  }
  // A terminal that nobody has open hangs up, and socat ends with it; so it does when this process is killed.
  const held = bridge === 'socat' ? await open(path, constants.O_RDWR | constants.O_NOCTTY) : undefined;
  const { stdin, stdout } = helper;
  stdin.on('error', () => {}); // the helper has gone: the reader sees a line that hung up, the board one that is unplugged
  const detach = board.onTx((bytes) => {
    if (stdin.writable && stdin.writableLength < MAX_UNREAD_BYTES) stdin.write(bytes);
  });
  stdout.on('data', (bytes: Buffer) => board.rx(bytes));
  return {
    path,
    kind: 'pty',
    async close() {
      detach();
      helper.kill();
      await ended;
      await held?.close();
      await rm(path, { force: true });
    },
  };
}

/** True once `path` exists; false when the helper ends before, or takes too long. */
async function appears(path: string, helper: ChildProcess): Promise<boolean> {
  for (let waited = 0; waited < READY_WITHIN_MS; waited += LOOK_AGAIN_MS) {
    if (helper.pid === undefined || helper.exitCode !== null) return false;
    const there = await access(path).then(
      () => true,
      () => false,
    );
    if (there) return true;
    await sleep(LOOK_AGAIN_MS);
  }
  return false;
}

async function attachTcp(board: Board): Promise<Attachment> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.setNoDelay());
    socket.on('data', (bytes) => board.rx(bytes));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const detach = board.onTx((bytes) => {
    for (const socket of sockets) if (socket.writableLength < MAX_UNREAD_BYTES) socket.write(bytes);
  });
  const { port } = server.address() as AddressInfo;
  return {
    path: `tcp://127.0.0.1:${port}`,
    kind: 'tcp',
    async close() {
      detach();
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
