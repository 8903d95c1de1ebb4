import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Aedes } from 'aedes';
import { describeInput } from '../input.contract.ts';
import { mqttClientInput } from './input.ts';

/** A broker that speaks MQTT 3.1.1 only, and tells what was acknowledged to it. */
describeInput('mqtt-client', async () => {
  const broker = await Aedes.createBroker();
  const server = createServer((socket) => void broker.handle(socket));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as { port: number };
  const dir = mkdtempSync(join(tmpdir(), 'headwater-mqtt-client-'));
  let acknowledged = 0;
  broker.on('ack', () => {
    acknowledged++;
  });
  const topic = 'devices/d/temperature';
  return {
    input: mqttClientInput({
      name: 'mqtt-client:test',
      url: `mqtt://127.0.0.1:${port}`,
      clientId: 'headwater-gw-test',
      subscriptions: [{ filter: 'devices/#', qos: 1 }],
      sessionFile: join(dir, 'session.json'),
      access: {},
    }),
    async connect() {
      return {
        send: (payload = Buffer.from('21.4')) =>
          new Promise((resolve, reject) => {
            const packet = { cmd: 'publish', topic, payload, qos: 1, retain: false, dup: false } as const;
            broker.publish(packet, (error) => (error ? reject(error) : resolve()));
          }),
        acknowledged: () => acknowledged,
        async close() {
          await new Promise<void>((resolve) => broker.close(resolve));
          server.close();
          rmSync(dir, { recursive: true });
        },
      };
    },
  };
});
