import { execFileSync, spawn } from 'node:child_process';
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
import { serialInput } from './serial/input.ts';
import { openPort } from './serial/port.ts';

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

describeInput('serial, over the network', async () => {
  const { promise: accepted, resolve } = Promise.withResolvers<Socket>();
  const server = createServer(resolve);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as { port: number };
  return {
    input: serialInput({ path: `tcp://127.0.0.1:${port}`, baudRate: 115_200, framing: 'lines', acknowledge: true }),
    async connect() {
      const socket = await accepted;
      return serialDevice(socket, async () => {
        socket.destroy();
        server.close();
      });
    },
  };
});

if (!found('socat', '-V')) {
  test.skip('input serial, on a device file: needs socat');
} else {
  describeInput('serial, on a device file', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'headwater-pty-'));
    const [gatewayEnd, deviceEnd] = [join(dir, 'gateway'), join(dir, 'device')];
    const socat = spawn('socat', [`pty,raw,echo=0,link=${gatewayEnd}`, `pty,raw,echo=0,link=${deviceEnd}`]);
    const port = await vi.waitFor(() => openPort(deviceEnd, 115_200), 5_000);
    return {
      input: serialInput({ path: gatewayEnd, baudRate: 115_200, framing: 'lines', acknowledge: true }),
      async connect() {
        return serialDevice(port.stream, async () => {
          port.close();
          socat.kill();
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

/** A microcontroller's side of a serial line. */
function serialDevice(line: Duplex, close: () => Promise<void>): TestDevice {
  let received = '';
  line.on('data', (data) => {
    received += data;
  });
  return {
    async send() {
      line.write('{"device":"mc-1","boot":"a1b2c3d4","n":1,"values":{"temperature":21.4}}\n');
    },
    acknowledged: () => received.split('ACK a1b2c3d4 1\n').length - 1,
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
