import { connect } from 'node:net';
import mqtt from 'mqtt-packet';

// A process of its own. A subscriber that keeps nothing: it counts what it gets, repeats aside, and acknowledges it. One message in; `subscribed` and the answer out.

export const SUBSCRIBER_ID = 'keeps-nothing';

/** What a message's number stands behind, see mqtt-load.ts. */
const NOTE = '"note":"';

export interface Subscriber {
  readonly port: number;
  readonly messages: number;
  /** Unacknowledged messages that the broker may send it. */
  readonly receiveMaximum: number;
}

export interface SubscriberAnswer {
  /** From the first message to the last. */
  readonly seconds: number;
}

process.once('message', ({ port, messages, receiveMaximum }: Subscriber) => {
  const protocolVersion = 5;
  const socket = connect(port, '127.0.0.1').setNoDelay(true);
  const parser = mqtt.parser({ protocolVersion });
  const received = new Set<string>();
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
      if (received.size === 0) startedAt = performance.now();
      // mosquitto sends some twice where more than 65,535 wait.
      const payload = packet.payload as Buffer;
      const note = payload.indexOf(NOTE) + NOTE.length;
      received.add(`${Number.parseInt(payload.toString('latin1', note, note + 10), 10)} ${packet.topic}`);
      acks.push(0x40, 2, packet.messageId! >> 8, packet.messageId! & 255);
    }
  });
  socket.on('data', (bytes) => {
    parser.parse(bytes);
    if (acks.length === 0) return;
    socket.write(Buffer.from(acks));
    acks = [];
    if (received.size < messages || isDone) return;
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
