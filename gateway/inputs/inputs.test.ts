import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { connectAsync } from 'mqtt';
import { test, vi } from 'vitest';
import { hostInput } from './host/input.ts';
import { describeInput, type TestDevice } from './input.contract.ts';
import { mqttInput } from './mqtt/input.ts';
import { encodeFrame } from './serial/frame.ts';
import { serialInput } from './serial/input.ts';
import { openPort } from './serial/port.ts';

const VALUES = '{"device":"mc-1","values":{"temperature":21.4}}';
const JSON_LINE = Buffer.from('{"device":"mc-1","boot":"a1b2c3d4","n":1,"values":{"temperature":21.4}}\n');

describeInput('mqtt', async () => {
  const input = mqttInput({ host: '127.0.0.1', port: 0, maxClients: 10 });
  return {
    input,
    async connect() {
      const client = await connectAsync(`mqtt://127.0.0.1:${input.port}`, { reconnectPeriod: 0 });
      let acknowledged = 0;
      client.on('packetreceive', (packet) => {
        if (packet.cmd === 'puback') acknowledged++;
      });
      return {
        async send() {
          client.publish('devices/d/temperature', '21.4', { qos: 1 }, () => {});
        },
        acknowledged: () => acknowledged,
        close: () => client.endAsync(true),
      };
    },
  };
});

for (const [name, framing, reading, answer] of [
  ['serial, in lines over the network', 'lines', JSON_LINE, Buffer.from('ACK a1b2c3d4 1\n')],
  ['serial, in frames over the network', 'cobs', frame('reading', VALUES), frame('acknowledgement', '')],
] as const) {
  describeInput(name, async () => {
    const { promise: accepted, resolve } = Promise.withResolvers<Socket>();
    const server = createServer(resolve);
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const { port } = server.address() as { port: number };
    return {
      input: serialInput({ path: `tcp://127.0.0.1:${port}`, baudRate: 115_200, framing, acknowledge: true }),
      async connect() {
        const socket = await accepted;
        return serialDevice(socket, reading, answer, async () => {
          socket.destroy();
          server.close();
        });
      },
    };
  });
}

if (!found('socat', '-V')) {
  test.skip('input serial, on a device file: needs socat');
} else {
  describeInput('serial, on a device file', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'headwater-pty-'));
    const [gatewayEnd, deviceEnd] = [join(dir, 'gateway'), join(dir, 'device')];
    const socat = spawn('socat', [`pty,raw,echo=0,link=${gatewayEnd}`, `pty,raw,echo=0,link=${deviceEnd}`]);
    const port = await vi.waitFor(() => openPort(deviceEnd, 115_200));
    return {
      input: serialInput({ path: gatewayEnd, baudRate: 115_200, framing: 'lines', acknowledge: true }),
      async connect() {
        return serialDevice(port.stream, JSON_LINE, Buffer.from('ACK a1b2c3d4 1\n'), async () => {
          port.close();
          socat.kill();
          // It removes its links as it ends, and a folder that changes while it is being removed stays.
          await once(socat, 'exit');
          rmSync(dir, { recursive: true });
        });
      },
    };
  });
}

describeInput('host', async () => ({
  input: hostInput({ device: 'gw-host', everyMs: 60_000, diskDir: tmpdir() }),
  async connect() {
    return { async send() {}, acknowledged: () => undefined, async close() {} };
  },
}));

function frame(type: 'reading' | 'acknowledgement', payload: string): Buffer {
  return encodeFrame({ type, boot: 'a1b2c3d4', number: 1, payload: Buffer.from(payload) });
}

/** A microcontroller's side of a serial line. */
function serialDevice(line: Duplex, reading: Buffer, answer: Buffer, close: () => Promise<void>): TestDevice {
  let received = '';
  line.on('data', (data: Buffer) => {
    received += data.toString('latin1');
  });
  return {
    async send() {
      line.write(reading);
    },
    acknowledged: () => received.split(answer.toString('latin1')).length - 1,
    close,
  };
}

function found(program: string, argument: string): boolean {
  try {
    execFileSync(program, [argument], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
