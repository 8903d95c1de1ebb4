import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { heldReceive } from '../input.contract.ts';
import { encodeFrame } from './frame.ts';
import { type SerialOptions, serialInput } from './input.ts';
import { openPort, type Port } from './port.ts';

// Pairs of terminals stand for the two ends of a cable: what socat makes is a device file like any other.
const hasSocat = spawnSync('socat', ['-V'], { stdio: 'ignore' }).status === 0;
const withSocat = test.skipIf(!hasSocat);

let dir: string;
const closers: (() => Promise<void> | void)[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'headwater-serial-'));
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  rmSync(dir, { recursive: true });
});

interface Cable {
  readonly gatewayEnd: string;
  send(bytes: string | Buffer): void;
  received(): string;
  unplug(): Promise<void>;
}

async function plugIn(name: string): Promise<Cable> {
  const [gatewayEnd, deviceEnd] = [join(dir, name), join(dir, `${name}-device`)];
  const socat: ChildProcess = spawn('socat', [`pty,raw,echo=0,link=${gatewayEnd}`, `pty,raw,echo=0,link=${deviceEnd}`]);
  const ended = new Promise<void>((resolve) => socat.once('exit', () => resolve()));
  await vi.waitFor(() => expect(existsSync(gatewayEnd) && existsSync(deviceEnd)).toBe(true));
  const device: Port = await openPort(deviceEnd, 115_200);
  let received = '';
  device.stream.on('data', (bytes: Buffer) => {
    received += bytes.toString('latin1');
  });
  const unplug = async () => {
    socat.kill();
    await ended;
    device.close();
  };
  closers.push(unplug);
  return { gatewayEnd, send: (bytes) => void device.stream.write(bytes), received: () => received, unplug };
}

async function open(options: Partial<SerialOptions>) {
  const input = serialInput({ baudRate: 115_200, framing: 'lines', acknowledge: true, ...options });
  const held = heldReceive();
  await input.start(held.receive);
  closers.push(() => input.close());
  return { input, ...held };
}

const line = (x: number) => `{"device":"d","values":{"x":${x}}}\n`;
const frame = (number: number) =>
  encodeFrame({ type: 'reading', boot: 'a1b2c3d4', number, payload: Buffer.from(line(number)) });

withSocat(
  'a cable that is pulled out and put back is read again, without the half frame that it cut (needs socat)',
  async () => {
    const before = await plugIn('ttyUSB0');
    const { input, messages, answer } = await open({ path: before.gatewayEnd, framing: 'cobs' });
    await vi.waitFor(() => expect(input.status().state).toBe('ok'));
    before.send(Buffer.concat([frame(1), frame(2).subarray(0, 20)]));
    await vi.waitFor(() => expect(messages).toHaveLength(1));
    await before.unplug();
    await vi.waitFor(() => expect(input.status()).toMatchObject({ state: 'waiting', detail: /trying again/ }));

    const after = await plugIn('ttyUSB0');
    await vi.waitFor(() => expect(input.status().state).toBe('ok'));
    answer('stored'); // of the frame that came before: nobody is there to be told
    after.send(frame(2));
    await vi.waitFor(() => expect(messages).toHaveLength(2));
    expect(messages[1]?.frame?.number).toBe(2);
    expect(after.received()).toBe('');
    answer('stored');
    const told = encodeFrame({ type: 'acknowledgement', boot: 'a1b2c3d4', number: 2, payload: Buffer.alloc(0) });
    await vi.waitFor(() => expect(after.received()).toBe(told.toString('latin1')));
  },
);

withSocat('several ports are read at once, each in its own way (needs socat)', async () => {
  const cables = await Promise.all(['ttyUSB0', 'ttyUSB1', 'ttyACM0'].map(plugIn));
  const csv = { columns: ['x'], separator: ',', timeFormat: 'ms' as const, ignore: [], units: {} };
  const ways: Partial<SerialOptions>[] = [
    { framing: 'lines' },
    { framing: 'cobs' },
    { framing: 'csv', csv, device: 'd' },
  ];
  const inputs = await Promise.all(ways.map((way, at) => open({ ...way, path: cables[at]!.gatewayEnd })));
  for (const { input } of inputs) await vi.waitFor(() => expect(input.status().state).toBe('ok'));
  for (let x = 1; x <= 50; x++) {
    cables[0]!.send(line(x));
    cables[1]!.send(frame(x));
    cables[2]!.send(`${x}\r\n`);
  }
  for (const { input, messages } of inputs) {
    await vi.waitFor(() => expect(messages).toHaveLength(50));
    expect(messages.every(({ source }) => source === input.name)).toBe(true);
    const values = messages.flatMap(({ fields }) => (fields?.values as { x: number } | undefined)?.x ?? []);
    const csvLosesItsFirst = input === inputs[2]!.input ? 1 : 0;
    expect(values).toEqual(Array.from({ length: 50 }, (_, i) => i + 1).slice(csvLosesItsFirst));
  }
});

withSocat(
  'a port that another program holds is said to be held, and opened when it is free (needs socat)',
  async () => {
    const cable = await plugIn('ttyUSB0');
    const other = await openPort(cable.gatewayEnd, 9_600);
    const { input } = await open({ path: cable.gatewayEnd });
    await vi.waitFor(() => expect(input.status().detail).toMatch(/another program holds .*fuser .*trying again/));
    expect(input.status().state).toBe('waiting');
    other.close();
    await vi.waitFor(() => expect(input.status().state).toBe('ok'));
  },
);

withSocat('a port that the gateway may not open says which group to join (needs socat)', async () => {
  const cable = await plugIn('ttyUSB0');
  chmodSync(realpathSync(cable.gatewayEnd), 0);
  // Root may open anything, so the gateway is somebody else here.
  const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  const script = `import { openPort } from ${JSON.stringify(new URL('port.ts', import.meta.url).href)};
    await openPort(${JSON.stringify(realpathSync(cable.gatewayEnd))}, 9600).then(() => 'opened', (e) => e.message).then(console.log);
    process.exit();`;
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], { ...nobody, encoding: 'utf8' });
  expect(said).toMatch(/^permission denied on .*: add the gateway’s user to the group dialout/);
});

withSocat('an adapter keeps its name when it comes back as another port (needs socat)', async () => {
  mkdirSync(join(dir, 'dev'));
  const before = await plugInUsb('ttyUSB0');
  const usb = { vendorId: '0403', productId: '6001', serialNumber: 'A50285BI' };
  const { input, messages } = await open({ usb, root: dir });
  expect(input.name).toBe('serial:usb-0403:6001-A50285BI');
  await vi.waitFor(() => expect(input.status().detail).toBe(`open at ${join(dir, 'dev/ttyUSB0')}`));
  await before.unplug();
  await vi.waitFor(
    () => expect(input.status().detail).toContain('no serial port of USB 0403:6001 A50285BI is plugged in'),
    10_000,
  );

  const after = await plugInUsb('ttyUSB1');
  await vi.waitFor(() => expect(input.status().detail).toBe(`open at ${join(dir, 'dev/ttyUSB1')}`));
  after.send(line(1));
  await vi.waitFor(() => expect(messages).toHaveLength(1));
  expect(messages[0]?.source).toBe('serial:usb-0403:6001-A50285BI');
});

/** Lays an adapter out as the kernel does, with a cable behind it. */
async function plugInUsb(name: string): Promise<Cable> {
  const cable = await plugIn(`${name}-cable`);
  const adapter = join(dir, 'sys/devices/usb1', name);
  const device = join(adapter, '1-1:1.0', name);
  const terminal = join(dir, 'sys/class/tty', name);
  mkdirSync(device, { recursive: true });
  for (const [file, text] of Object.entries({ idVendor: '0403', idProduct: '6001', serial: 'A50285BI' })) {
    writeFileSync(join(adapter, file), `${text}\n`);
  }
  mkdirSync(terminal, { recursive: true });
  symlinkSync(device, join(terminal, 'device'));
  symlinkSync(cable.gatewayEnd, join(dir, 'dev', name));
  const unplug = async () => {
    rmSync(terminal, { recursive: true });
    rmSync(join(dir, 'dev', name));
    await cable.unplug();
  };
  return { ...cable, unplug };
}
