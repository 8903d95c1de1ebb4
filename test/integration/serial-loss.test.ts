import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { Reading } from '../../contract/index.ts';
import { type GatewayConfig, loadGatewayConfig } from '../../gateway/config/index.ts';
import { freePorts, openAuthority, startProcess } from '../../infra/local/index.ts';
import { attach, type Noise, noise, runBoard } from '../../simulators/microcontrollers/index.ts';
import { type Random, seeded } from '../../simulators/random/index.ts';
import { storedReadings } from '../support/stored.ts';
import { until } from '../support/testbed.ts';

// The same seed plans the same kills and noise; where in the work they fall is up to the machine.
const SEED = Number(process.env.HEADWATER_FAULT_SEED ?? Math.floor(Math.random() * 1e6));
const KILLS = 6;
const COMMAND = join(import.meta.dirname, '../../cli/main.ts');
const FIRMWARE = join(import.meta.dirname, '../../firmware-stubs/climate');
const canBuild = ['gcc', 'make'].every((command) => spawnSync(command, ['--version']).status === 0);

/** A device on a line, and the readings of its frames by what it calls them. */
interface Device {
  readonly name: string;
  readonly path: string;
  sent(): readonly string[];
  /** Those of which it was told that they are safe. */
  acknowledged(): readonly string[];
  /** Sends nothing more, and takes no more answers. */
  stop(): Promise<void>;
}

const who = 'boards, and one built for this machine (needs gcc and make),';
test.skipIf(!canBuild)(
  `what ${who} believe acknowledged is stored once, over kill -9 and noisy lines (seed ${SEED})`,
  async () => {
    const boards = await Promise.all([...['mc-1', 'mc-2', 'mc-3'].map(openBoard), openHostBoard('host-1')]);
    const kept = await torture(boards);
    console.log(JSON.stringify({ seed: SEED, kills: KILLS, ...kept }));
    expect(kept).toMatchObject({ lost: [], twice: [], invented: [] });
    for (const { name, acknowledged } of boards) expect(acknowledged().length, name).toBeGreaterThan(10);
  },
);

/** Kills a gateway again and again while devices send, and compares what it has on disk with what they believe. */
async function torture(devices: readonly Device[]) {
  const random = seeded(SEED);
  const { config, start } = await prepareGateway(devices);
  for (let kill = 0; kill < KILLS; kill++) {
    const gateway = await start();
    await sleep(random.between(1_500, 3_500));
    gateway.kill('SIGKILL');
    await gateway.exited;
    await sleep(random.between(0, 500));
  }
  const gateway = await start();
  const before = devices.map((device) => device.acknowledged().length);
  await until('every device is answered again', 20, () =>
    devices.every((device, at) => device.acknowledged().length > before[at]!),
  );
  await Promise.all(devices.map((device) => device.stop()));
  gateway.kill('SIGKILL');
  await gateway.exited;

  const stored = (await storedReadings(config)).filter(({ metric }) => metric === 'temperature').map(nameOf);
  const [once, sent] = [new Set(stored), new Set(devices.flatMap((device) => device.sent()))];
  return {
    sent: sent.size,
    acknowledged: count(devices),
    stored: stored.length,
    lost: devices.flatMap((device) => device.acknowledged()).filter((name) => !once.has(name)),
    twice: stored.filter((name, at) => stored.indexOf(name) !== at),
    invented: [...once].filter((name) => !sent.has(name)),
  };
}

const count = (devices: readonly Device[]) => devices.reduce((sum, device) => sum + device.acknowledged().length, 0);
/** A device's temperatures are all different, so that each tells its frame. */
const nameOf = ({ device, value }: Pick<Reading, 'device' | 'value'>) => `${device} ${value}`;

/** The real firmware, at its real speed. */
async function openBoard(name: string): Promise<Device> {
  const begun = Date.now();
  const bad = () => lineNoise(seeded(SEED + name.length));
  const board = runBoard({
    deviceId: name,
    sensors: (t) => ({ temperatureC: -40 + (t - begun) / 1_000, humidityPct: 50 }),
    noise: { tx: bad(), rx: bad() },
  });
  const line = await attach(board, { dir: temporary(), name });
  onTestFinished(() => board.close());
  const named = (all: boolean) =>
    board
      .truth()
      .frames.filter((frame) => all || frame.acknowledged)
      .map(({ device, values }) => nameOf({ device, value: values.temperature! }));
  return {
    name,
    path: line.path,
    sent: () => named(true),
    acknowledged: () => named(false),
    async stop() {
      board.close();
      await line.close();
    },
  };
}

/** The firmware's window and frames in a process of this machine, 100 a second, on the other end of a TCP line. */
async function openHostBoard(name: string): Promise<Device> {
  const program = join(temporary(), 'host-board');
  const settings = ['INTERVAL_MS=10', 'RESEND_MS=100', 'RESEND_MAX_MS=400', 'FRAMES_KEPT=200'];
  execFileSync('make', ['-s', `HOST=${program}`, ...settings, program], { cwd: FIRMWARE });
  const board = spawn(program, [name, '0badcafe'], { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise<void>((resolve) => board.once('close', () => resolve()));
  onTestFinished(() => void board.kill('SIGKILL'));

  const random = seeded(SEED);
  const [tx, rx] = [lineNoise(random), lineNoise(random)];
  let gateway: Socket | undefined;
  const server = createServer((socket) => {
    gateway = socket;
    socket.on('data', (bytes) => board.stdin.write(rx(bytes)));
    socket.on('error', () => {});
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => void server.close());
  board.stdin.on('error', () => {});
  board.stdout.on('data', (bytes: Buffer) => gateway?.writable && gateway.write(tx(bytes)));
  let told = '';
  board.stderr.on('data', (text) => {
    told += text;
  });
  const acknowledged = () => told.split('\n').slice(0, -1).map(Number);
  const named = (number: number) => nameOf({ device: name, value: (number % 5_000) / 100 });
  return {
    name,
    path: `tcp://127.0.0.1:${(server.address() as { port: number }).port}`,
    // It numbers what it measures, and has sent at most a window more than it was told of.
    sent: () => Array.from({ length: Math.max(0, ...acknowledged()) + 200 }, (_, i) => named(i + 1)),
    acknowledged: () => acknowledged().map(named),
    async stop() {
      board.kill('SIGKILL');
      await ended;
    },
  };
}

/** Damages some five frames of a hundred, and puts noise between and into them. */
function lineNoise(random: Random): Noise {
  const damage = noise({ flip: 0.0002, drop: 0.0001, cut: 0.002, random: random.uniform });
  return (bytes) => {
    const damaged = damage(bytes);
    if (!random.chance(0.05)) return damaged;
    const burst = Array.from({ length: random.between(1, 30) }, () => random.between(0, 255));
    return Uint8Array.from([...burst, ...damaged]);
  };
}

async function prepareGateway(devices: readonly Device[]) {
  const dir = temporary();
  const [nobody] = await freePorts(1);
  writeFileSync(join(dir, 'ca.pem'), (await openAuthority(join(dir, 'pki'))).ca);
  writeFileSync(join(dir, 'password'), 'secret');
  const serial = devices.map(({ path }) => ({ path, framing: 'cobs' }));
  const file = join(dir, 'gateway.yaml');
  writeFileSync(
    file,
    `
gateway: { id: gw-1, site: plant }
buffer: { dir: buffer }
kafka: { brokers: ["127.0.0.1:${nobody}"], caFile: ca.pem, passwordFile: password }
inputs: { serial: ${JSON.stringify(serial)} }
http: { port: 0 }
`,
  );
  const config: GatewayConfig = loadGatewayConfig(file, {});
  const start = async () => {
    const gateway = await startProcess({
      name: 'gateway',
      command: process.execPath,
      args: [COMMAND, 'gateway', 'run', '--config', file],
      readyWhen: (line) => line.includes('"msg":"listening"'),
    });
    onTestFinished(() => gateway.kill('SIGKILL'));
    return gateway;
  };
  return { config, start };
}

function temporary(): string {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-loss-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
