import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { SerialPort } from 'serialport';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { attach, type Bridge } from './attach.ts';
import { type Board, runBoard } from './board.ts';
import { acknowledge, frameReader } from './frames.ts';

const works = (command: string) => spawnSync(command, ['-V'], { stdio: 'ignore' }).status === 0;

let dir: string;
let board: Board;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'board-'));
  board = runBoard({ deviceId: 'mc:7', sensors: () => ({ temperatureC: 20, humidityPct: 50 }) });
});
afterEach(async () => {
  board.close();
  await rm(dir, { recursive: true });
});

async function openSerial(path: string): Promise<SerialPort> {
  const port = new SerialPort({ path, baudRate: 115_200, autoOpen: false });
  await new Promise<void>((resolve, reject) => port.open((error) => (error ? reject(error) : resolve())));
  return port;
}

/** Plays the gateway: takes whole frames off the line and answers them, until so many are taken. */
async function takeFrames(line: Duplex, count: number): Promise<string[]> {
  const frames: string[] = [];
  const reader = frameReader(({ boot, n, payload }) => {
    expect(payload).toContain('{"device":"mc:7",');
    line.write(acknowledge({ boot, n }));
    frames.push(`${boot} ${n}`);
  });
  for await (const bytes of line.iterator({ destroyOnReturn: false })) {
    (bytes as Buffer).forEach(reader.take);
    if (frames.length >= count) break;
  }
  return frames;
}

const acknowledged = () => board.truth().frames.flatMap((f) => (f.acknowledged ? [`${f.boot} ${f.n}`] : []));

async function untilAcknowledged(frame: string): Promise<void> {
  while (!acknowledged().includes(frame)) await new Promise((resolve) => setTimeout(resolve, 10));
}

for (const bridge of ['socat', 'python3'] as const satisfies readonly Bridge[]) {
  test.skipIf(!works(bridge))(
    `a serial port reads and answers a board through ${bridge}, and can come again`,
    async () => {
      const attachment = await attach(board, { dir, name: 'mc:7', bridges: [bridge] });
      expect(attachment).toMatchObject({ kind: 'pty', path: join(dir, 'mc:7') });
      for (let visit = 0; visit < 2; visit++) {
        const port = await openSerial(attachment.path);
        const frames = await takeFrames(port, 2);
        await untilAcknowledged(frames[1]!);
        await new Promise<void>((resolve) => port.close(() => resolve()));
      }
      await attachment.close();
      expect(await readdir(dir)).toEqual([]);
    },
  );
}

test('without a helper the board is reached over TCP, by one reader after the other', async () => {
  const attachment = await attach(board, { dir, name: 'mc:7', bridges: [] });
  expect(attachment.kind).toBe('tcp');
  const { hostname, port } = new URL(attachment.path);
  for (let visit = 0; visit < 2; visit++) {
    const socket: Socket = connect(Number(port), hostname);
    const frames = await takeFrames(socket, 1);
    await untilAcknowledged(frames[0]!);
    socket.destroy();
  }
  await attachment.close();
});

test.skipIf(!works('python3'))('what comes in while nobody has the line open does not pile up', async () => {
  const link = join(dir, 'line');
  const helper = spawn('python3', [join(import.meta.dirname, 'pty.py'), link], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const moreThanPipesHold = Buffer.alloc(1 << 20);
  await new Promise((resolve) => helper.stdin.write(moreThanPipesHold, resolve));
  helper.stdin.end();
  expect(await once(helper, 'exit')).toEqual([0, null]);
});

test('a helper that cannot make a terminal is passed over', async () => {
  const attachment = await attach(board, { dir, name: 'no/such/folder' });
  expect(attachment.kind).toBe('tcp');
  await attachment.close();
});
