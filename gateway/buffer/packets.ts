import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { rowsOf } from './rows.ts';

export interface PacketLimits {
  readonly clients: number;
  readonly packets: number;
}

export const PACKET_LIMITS: PacketLimits = { clients: 8_192, packets: 131_072 };

export const PACKETS = 'CREATE TABLE packets (at INTEGER PRIMARY KEY, client TEXT, messages BLOB);';
/** Of a message in a row: two bytes of packet id, six of digest. */
export const MESSAGE_BYTES = 8;
/** A client's share is of so much of the limit, so that not every commit has to make room. */
const ROOM = 7 / 8;
export const LEAST_SHARE = 16;
/** After so many messages without a repeat a client's index is given up. */
const INDEX_KEPT = 1_000;

interface Client {
  readonly name: string;
  /** The rows of the table that are its own, oldest first, with the number of messages in each. */
  readonly rows: { readonly at: number; messages: number }[];
  /** Messages in all of them. */
  messages: number;
  /** Of the commit that is being made: packet id, digest, packet id, … */
  readonly unsaved: number[];
  /** Packet id → digest of the last message with it, made when the client repeats something: most never do. */
  index: Map<number, number> | undefined;
  sinceRepeat: number;
}

/**
 * What MQTT clients sent last with QoS 1, by packet id and digest: a row of the database for each client and commit, written by `save` in the store's
 * commit, and in memory only what is needed to find and drop rows. Keeps the `clients` clients remembered last and `packets` messages in all: beyond
 * that, clients with more than an equal share forget their oldest.
 */
export class PacketMemory {
  readonly #limits: PacketLimits;
  /** In the order of the commits that had something of them last, oldest first. */
  readonly #clients = new Map<string, Client>();
  /** Those with something unsaved. */
  #changed: Client[] = [];
  #count = 0;
  #uses = 0;
  readonly #sql: Record<'load' | 'add' | 'forget' | 'cut' | 'read', StatementSync>;

  constructor(db: DatabaseSync, limits: PacketLimits) {
    this.#limits = limits;
    this.#sql = {
      load: db.prepare('SELECT at, client, length(messages) AS bytes FROM packets ORDER BY at'),
      add: db.prepare('INSERT INTO packets VALUES (?, ?, ?)'),
      forget: db.prepare('DELETE FROM packets WHERE at = ?'),
      cut: db.prepare('UPDATE packets SET messages = substr(messages, ?) WHERE at = ?'),
      // All in one text: of a client with 131,000 messages, each in a commit of its own, an eighth of the time that row by row takes.
      read: db.prepare(
        "SELECT group_concat(hex(messages), '' ORDER BY at) AS hex FROM json_each(?) CROSS JOIN packets ON at = value",
      ),
    };
    this.load();
  }

  /** Takes the memory from the database; also after a rollback. */
  load(): void {
    this.#clients.clear();
    this.#changed = [];
    this.#count = 0;
    this.#uses = 0;
    for (const { at, client, bytes } of rowsOf(this.#sql.load)) {
      this.#use(this.#client(client as string), at as number, (bytes as number) / MESSAGE_BYTES);
    }
  }

  /** Whether the last message of the client with this packet id had this digest. */
  knows(client: string, packetId: number, digest: number): boolean {
    const its = this.#clients.get(client);
    if (!its) return false;
    its.index ??= this.#indexOf(its);
    its.sinceRepeat = 0;
    return its.index.get(packetId) === digest;
  }

  remember(client: string, packetId: number, digest: number): void {
    const its = this.#client(client);
    if (its.unsaved.length === 0) this.#changed.push(its);
    its.unsaved.push(packetId, digest);
    its.index?.set(packetId, digest);
  }

  save(): void {
    for (const its of this.#changed) {
      const messages = its.unsaved.length / 2;
      this.#use(its, this.#uses + 1, messages);
      this.#sql.add.run(this.#uses, its.name, encode(its.unsaved));
      its.unsaved.length = 0;
      its.sinceRepeat += messages;
      if (its.sinceRepeat > INDEX_KEPT) its.index = undefined;
    }
    this.#changed = [];
    this.shrink();
  }

  /** Forgets what is beyond the limits; true if there was anything. Nothing may be unsaved. */
  shrink(): boolean {
    const before = this.#count;
    for (const oldest of this.#clients.values()) {
      if (this.#clients.size <= this.#limits.clients) break;
      this.#shrink(oldest, 0);
      this.#clients.delete(oldest.name);
    }
    if (this.#count > this.#limits.packets) {
      const share = Math.max(LEAST_SHARE, Math.floor((this.#limits.packets * ROOM) / this.#clients.size));
      for (const its of this.#clients.values()) this.#shrink(its, share);
    }
    return this.#count < before;
  }

  #client(name: string): Client {
    let its = this.#clients.get(name);
    if (!its) {
      its = { name, rows: [], messages: 0, unsaved: [], index: undefined, sinceRepeat: 0 };
      this.#clients.set(name, its);
    }
    return its;
  }

  /** A row of the client, which is its newest, and the client the one heard last. */
  #use(its: Client, at: number, messages: number): void {
    this.#clients.delete(its.name);
    this.#clients.set(its.name, its);
    its.rows.push({ at, messages });
    its.messages += messages;
    this.#count += messages;
    this.#uses = at;
  }

  /** Forgets the client's oldest messages, down to so many. */
  #shrink(its: Client, size: number): void {
    const excess = its.messages - size;
    if (excess <= 0) return;
    let left = excess;
    let rows = 0;
    for (; left > 0 && its.rows[rows]!.messages <= left; rows++) {
      left -= its.rows[rows]!.messages;
      this.#sql.forget.run(its.rows[rows]!.at);
    }
    its.rows.splice(0, rows);
    if (left > 0) {
      const row = its.rows[0]!;
      this.#sql.cut.run(left * MESSAGE_BYTES + 1, row.at);
      row.messages -= left;
    }
    its.messages -= excess;
    this.#count -= excess;
    its.index = undefined;
  }

  #indexOf({ rows, unsaved }: Client): Map<number, number> {
    const index = new Map<number, number>();
    const { hex } = this.#sql.read.get(JSON.stringify(rows.map(({ at }) => at)))!;
    const bytes = Buffer.from((hex as string | null) ?? '', 'hex');
    for (let place = 0; place < bytes.length; place += MESSAGE_BYTES) {
      index.set(bytes.readUInt16LE(place), bytes.readUIntLE(place + 2, 6));
    }
    for (let at = 0; at < unsaved.length; at += 2) index.set(unsaved[at]!, unsaved[at + 1]!);
    return index;
  }
}

function encode(messages: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe((messages.length / 2) * MESSAGE_BYTES);
  for (let at = 0; at < messages.length; at += 2) {
    const place = bytes.writeUInt16LE(messages[at]!, (at / 2) * MESSAGE_BYTES);
    bytes.writeUIntLE(messages[at + 1]!, place, 6);
  }
  return bytes;
}

/** Messages of a commit, when rows of layout 2 are taken over. */
const CHUNK = 1_000;

/** Brings rows of layout 2 into today's table, within the caller's transaction. */
export function migratePackets(db: DatabaseSync): void {
  db.exec(`ALTER TABLE packets RENAME TO single_packets; ${PACKETS}`);
  takePackets(db.prepare('SELECT client, packet, digest FROM single_packets ORDER BY at').iterate(), db);
  db.exec('DROP TABLE single_packets');
}

/** Writes rows of layout 2, one for each message and oldest first, into the packets of `db`, as far as they can be read; leaves out what is none. */
export function takePackets(rows: Iterable<Record<string, unknown>>, db: DatabaseSync): void {
  const memory = new PacketMemory(db, PACKET_LIMITS);
  let count = 0;
  try {
    for (const { client, packet, digest } of rows) {
      const known = digestOfLayout2(digest);
      if (typeof client !== 'string' || !((packet as number) > 0 && (packet as number) < 65_536) || known === undefined)
        continue;
      memory.remember(client, packet as number, known);
      if (++count % CHUNK === 0) memory.save();
    }
  } finally {
    memory.save();
  }
}

/** A checksum to the base of 36, a point and the length of the payload. */
function digestOfLayout2(digest: unknown): number | undefined {
  const [, checksum, length] = (typeof digest === 'string' && /^([0-9a-z]{1,7})\.([0-9]{1,6})$/.exec(digest)) || [];
  if (checksum === undefined) return undefined;
  return digestFrom(Number.parseInt(checksum, 36), Number(length));
}

/** By which a message is known again with its packet id: the checksum of topic and payload, and the length of the payload. */
export function digestFrom(checksum: number, length: number): number {
  return (checksum >>> 0) + (length & 0xffff) * 2 ** 32;
}
