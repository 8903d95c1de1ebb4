import { connect } from 'node:net';
import mqtt from 'mqtt-packet';

// A process of its own. A subscriber that keeps nothing: it takes packets apart, counts the messages and acknowledges each. Of a message it keeps
// one bit, by which it counts none twice. One message in; `subscribed` and the answer out.

export const SUBSCRIBER_ID = 'keeps-nothing';

/** What the number of a client, and that of a message of it, stand behind: see mqtt-load.ts. */
const CLIENT = 'devices/bench-';
const NOTE = '"note":"';

export interface Subscriber {
  readonly port: number;
  readonly messages: number;
  /** That send them, each as many. */
  readonly clients: number;
  /** Unacknowledged messages that the broker may send it. */
  readonly receiveMaximum: number;
}

export interface SubscriberAnswer {
  /** From the first message to the last. */
  readonly seconds: number;
}

process.once('message', ({ port, messages, clients, receiveMaximum }: Subscriber) => {
  const protocolVersion = 5;
  const socket = connect(port, '127.0.0.1').setNoDelay(true);
  const parser = mqtt.parser({ protocolVersion });
  const received = new Uint8Array(messages);
  const each = Math.floor(messages / clients);
  let count = 0;
  let startedAt = 0;
  let isDone = false;
  let acks: number[] = [];
  parser.on('packet', (packet) => {
    if (packet.cmd === 'connack') {
      const subscriptions = [{ topic: 'devices/#', qos: 1 as const }];
      socket.write(mqtt.generate({ cmd: 'subscribe', messageId: 1, subscriptions }, { protocolVersion }));
    } else if (packet.cmd === 'suback') {
      process.send?.('subscribed');
    } else if (packet.cmd === 'publish') {
      if (count === 0) startedAt = performance.now();
      // mosquitto sends some twice where more than 65,535 wait.
      const payload = packet.payload as Buffer;
      const note = payload.indexOf(NOTE) + NOTE.length;
      const number = Number.parseInt(payload.toString('latin1', note, note + 10), 10);
      const at = (Number.parseInt(packet.topic.slice(CLIENT.length), 10) - 1) * each + number - 1;
      if (received[at] === 0) count++;
      received[at] = 1;
      acks.push(0x40, 2, packet.messageId! >> 8, packet.messageId! & 255);
    }
  });
  socket.on('data', (bytes) => {
    parser.parse(bytes);
    if (acks.length === 0) return;
    socket.write(Buffer.from(acks));
    acks = [];
    if (count < messages || isDone) return;
    isDone = true;
    const answer: SubscriberAnswer = { seconds: (performance.now() - startedAt) / 1_000 };
    process.send?.(answer);
  });
  socket.on('connect', () => {
    const properties = { receiveMaximum, sessionExpiryInterval: 600 };
    const session = { clientId: SUBSCRIBER_ID, clean: false, keepalive: 0, properties };
    socket.write(
      mqtt.generate({ cmd: 'connect', protocolId: 'MQTT', protocolVersion, ...session }, { protocolVersion }),
    );
  });
});
