import { connect } from 'node:net';
import mqtt from 'mqtt-packet';

// A process of its own: its CPU time must not count as the gateway's. One message in, one out; the parent ends it.

export interface Load {
  readonly port: number;
  readonly username: string;
  readonly password: string;
  /** Each client's user name is `<username>-<its number from 1>`. */
  readonly ownAccounts?: boolean;
  readonly clients: number;
  readonly messages: number;
  /** For so long instead, if more than 0. */
  readonly seconds?: number;
  /** Unacknowledged messages of one client. */
  readonly window: number;
}

export interface LoadAnswer {
  readonly seconds: number;
  readonly acknowledged: number;
}

/** Gives how many were acknowledged. */
function client(load: Load, number: number, messages: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(load.port, '127.0.0.1').setNoDelay(true);
    const parser = mqtt.parser();
    let [sent, acknowledged, messageId] = [0, 0, 0];
    let wanted = load.seconds ? Number.POSITIVE_INFINITY : messages;
    const until = performance.now() + (load.seconds || Number.POSITIVE_INFINITY) * 1000;
    const pump = () => {
      if (performance.now() >= until) wanted = Math.min(wanted, sent);
      const packets: Buffer[] = [];
      while (sent < wanted && sent - acknowledged < load.window) {
        sent++;
        messageId = (messageId % 65_535) + 1;
        const value = (20 + (sent % 100) / 10).toFixed(1);
        // About 200 bytes on the wire, as in the yardstick; each with a number, so that a repeat can be told.
        const note = `${sent}`.padEnd(110, 'x');
        const payload = JSON.stringify({ ts: Date.now(), value: Number(value), unit: 'Cel', note });
        const topic = `devices/bench-${number}/temperature`;
        packets.push(mqtt.generate({ cmd: 'publish', topic, payload, qos: 1, messageId, dup: false, retain: false }));
      }
      if (packets.length > 0) socket.write(Buffer.concat(packets));
    };
    parser.on('packet', (packet) => {
      if (packet.cmd === 'connack') {
        if (packet.returnCode !== 0) reject(new Error(`the gateway refuses the connection: ${packet.returnCode}`));
        pump();
      } else if (packet.cmd === 'puback') acknowledged++;
    });
    socket.on('data', (bytes) => {
      parser.parse(bytes);
      pump();
      if (acknowledged < wanted) return;
      socket.end();
      resolve(acknowledged);
    });
    socket.on('error', reject);
    const username = load.ownAccounts ? `${load.username}-${number}` : load.username;
    const login = {
      username,
      password: Buffer.from(load.password),
      clientId: `bench-${number}`,
      keepalive: 60,
      clean: true,
    };
    socket.on('connect', () =>
      socket.write(mqtt.generate({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, ...login })),
    );
  });
}

process.once('message', async (load: Load) => {
  const each = Math.floor(load.messages / load.clients);
  const startedAt = performance.now();
  const counts = await Promise.all(Array.from({ length: load.clients }, (_, i) => client(load, i + 1, each)));
  const acknowledged = counts.reduce((sum, count) => sum + count, 0);
  const answer: LoadAnswer = { seconds: (performance.now() - startedAt) / 1000, acknowledged };
  process.send?.(answer);
});
