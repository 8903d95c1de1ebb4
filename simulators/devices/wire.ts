/** The few MQTT 3.1.1 packets that a device which only publishes with QoS 1 sends and gets. */

export const PINGREQ = Buffer.from([0xc0, 0]);

export interface ConnectFields {
  readonly clientId: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly keepaliveS: number;
}

/** A CONNECT that goes on with the session of last time. */
export function encodeConnect({ clientId, username, password, keepaliveS }: ConnectFields): Buffer {
  const flags = (username === undefined ? 0 : 0x80) | (password === undefined ? 0 : 0x40);
  const body = [text('MQTT'), Buffer.from([4, flags, keepaliveS >> 8, keepaliveS & 255]), text(clientId)];
  if (username !== undefined) body.push(text(username));
  if (password !== undefined) body.push(text(password));
  return packet(0x10, body);
}

/** A PUBLISH with QoS 1. */
export function encodePublish(topic: string, payload: Buffer, id: number, dup: boolean): Buffer {
  return packet(dup ? 0x3a : 0x32, [text(topic), Buffer.from([id >> 8, id & 255]), payload]);
}

export interface Answers {
  connack(code: number): void;
  puback(id: number): void;
  /** Something a publisher never gets. */
  unknown(): void;
}

/** Calls back for each whole answer and gives the bytes that are left. Every answer to a publisher has a length below 128. */
export function parseAnswers(bytes: Buffer, answers: Answers): Buffer {
  let at = 0;
  while (bytes.length - at >= 2) {
    const end = at + 2 + bytes[at + 1]!;
    if (end > bytes.length) break;
    const type = bytes[at]! >> 4;
    if (type === 2) answers.connack(bytes[at + 3]!);
    else if (type === 4) answers.puback(bytes.readUInt16BE(at + 2));
    else if (type !== 13) answers.unknown();
    at = end;
  }
  return bytes.subarray(at);
}

function packet(header: number, body: readonly Buffer[]): Buffer {
  let length = body.reduce((sum, part) => sum + part.length, 0);
  const head = [header];
  do {
    head.push((length & 127) | (length > 127 ? 128 : 0));
    length >>= 7;
  } while (length > 0);
  return Buffer.concat([Buffer.from(head), ...body]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
}
