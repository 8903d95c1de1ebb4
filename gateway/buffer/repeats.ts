import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { DeviceId } from './types.ts';

/**
 * The memory of the devices' own message ids, by which their repeats are known after any crash: its rows are written in the commit that stores
 * the message. It is bounded, and forgets:
 * - frames: of the 20,000 (device, boot) pairs used last; of each, the 64 frames up to the highest. What is older than these 64 counts as a repeat.
 * - packets: of the 8,192 MQTT clients heard last; 131,072 in all, shared equally among the clients, at least 16 each. A packet id says nothing
 *   by itself (clients use them again and again): only a message flagged DUP with the digest remembered for its id is a repeat.
 * A repeat of something forgotten is stored again.
 */
export interface RepeatLimits {
  readonly boots: number;
  readonly clients: number;
  readonly packets: number;
}

const LIMITS: RepeatLimits = { boots: 20_000, clients: 8_192, packets: 131_072 };
const FRAME_WINDOW = 64;

interface Frames {
  readonly device: string;
  readonly boot: string;
  highest: number;
  /** Bit i is set when frame `highest - i` was stored. */
  seen: bigint;
}

export class Repeats {
  readonly #db: DatabaseSync;
  readonly #limits: RepeatLimits;
  /** Both maps are in order of last use, oldest first. */
  #frames = new Map<string, Frames>();
  /** Client → packet id → row of table `packets`. */
  #clients = new Map<string, Map<number, number>>();
  #changedFrames = new Set<string>();
  #packetCount = 0;
  #uses = 0;
  readonly #sql: Record<'saveFrames' | 'forgetFrames' | 'addPacket' | 'forgetPacket' | 'digest', StatementSync>;

  constructor(db: DatabaseSync, limits: RepeatLimits = LIMITS) {
    this.#db = db;
    this.#limits = limits;
    this.#sql = {
      saveFrames: db.prepare('INSERT OR REPLACE INTO frames VALUES (?, ?, ?, ?, ?)'),
      forgetFrames: db.prepare('DELETE FROM frames WHERE device = ? AND boot = ?'),
      addPacket: db.prepare('INSERT INTO packets VALUES (?, ?, ?, ?)'),
      forgetPacket: db.prepare('DELETE FROM packets WHERE at = ?'),
      digest: db.prepare('SELECT digest FROM packets WHERE at = ?'),
    };
    this.load();
  }

  /** Takes the memory from the database; also after a rollback. */
  load(): void {
    this.#frames = new Map();
    this.#clients = new Map();
    this.#changedFrames.clear();
    this.#packetCount = 0;
    this.#uses = 0;
    for (const row of this.#db.prepare('SELECT * FROM frames ORDER BY used').iterate()) {
      const [device, boot] = [row.device as string, row.boot as string];
      const frames = { device, boot, highest: row.highest as number, seen: BigInt(`0x${row.seen}`) };
      this.#frames.set(`${device}/${boot}`, frames);
      this.#uses = row.used as number;
    }
    for (const row of this.#db.prepare('SELECT at, client, packet FROM packets ORDER BY at').iterate()) {
      this.#packetsOf(row.client as string).set(row.packet as number, row.at as number);
      this.#packetCount++;
      this.#uses = Math.max(this.#uses, row.at as number);
    }
  }

  isRepeat(id: DeviceId): boolean {
    if (id.kind === 'packet') {
      if (!id.dup) return false;
      const at = this.#clients.get(id.client)?.get(id.packetId);
      return at !== undefined && this.#sql.digest.get(at)?.digest === id.digest;
    }
    const frames = this.#frames.get(`${id.device}/${id.boot}`);
    if (!frames || id.number > frames.highest) return false;
    const back = frames.highest - id.number;
    return back >= FRAME_WINDOW || ((frames.seen >> BigInt(back)) & 1n) === 1n;
  }

  /** Remembers a message that is being stored. Frames reach the database with `save`. */
  remember(id: DeviceId): void {
    if (id.kind === 'packet') this.#rememberPacket(id.client, id.packetId, id.digest);
    else this.#rememberFrame(id.device, id.boot, id.number);
  }

  /** Writes changed frames: once for each device in a commit, however many of its frames came. */
  save(): void {
    for (const key of this.#changedFrames) {
      const frames = this.#frames.get(key);
      if (!frames) continue;
      const { device, boot, highest, seen } = frames;
      this.#sql.saveFrames.run(device, boot, highest, seen.toString(16), ++this.#uses);
    }
    this.#changedFrames.clear();
  }

  #rememberFrame(device: string, boot: string, number: number): void {
    const key = `${device}/${boot}`;
    const frames = this.#frames.get(key) ?? { device, boot, highest: number, seen: 0n };
    this.#frames.delete(key);
    this.#frames.set(key, frames);
    this.#changedFrames.add(key);
    if (number > frames.highest) {
      const shift = number - frames.highest;
      frames.seen = shift >= FRAME_WINDOW ? 0n : BigInt.asUintN(FRAME_WINDOW, frames.seen << BigInt(shift));
      frames.highest = number;
    }
    frames.seen |= 1n << BigInt(frames.highest - number);
    if (this.#frames.size > this.#limits.boots) {
      const [oldest, { device, boot }] = this.#frames.entries().next().value!;
      this.#frames.delete(oldest);
      this.#sql.forgetFrames.run(device, boot);
    }
  }

  #rememberPacket(client: string, packetId: number, digest: string): void {
    const packets = this.#packetsOf(client);
    this.#forgetPacket(packets, packetId);
    const at = ++this.#uses;
    this.#sql.addPacket.run(at, client, packetId, digest);
    packets.set(packetId, at);
    this.#packetCount++;
    if (this.#clients.size > this.#limits.clients) {
      const [oldest, its] = this.#clients.entries().next().value!;
      this.#shrink(its, 0);
      this.#clients.delete(oldest);
    }
    const share = Math.max(16, Math.floor(this.#limits.packets / this.#clients.size));
    this.#shrink(packets, share);
    if (this.#packetCount > this.#limits.packets) {
      for (const others of this.#clients.values()) {
        this.#shrink(others, share);
        if (this.#packetCount <= this.#limits.packets) break;
      }
    }
  }

  /** The client's packets, the client moved to the end of the order. */
  #packetsOf(client: string): Map<number, number> {
    const packets = this.#clients.get(client) ?? new Map<number, number>();
    this.#clients.delete(client);
    this.#clients.set(client, packets);
    return packets;
  }

  #shrink(packets: Map<number, number>, size: number): void {
    while (packets.size > size) this.#forgetPacket(packets, packets.keys().next().value!);
  }

  #forgetPacket(packets: Map<number, number>, packetId: number): void {
    const at = packets.get(packetId);
    if (at === undefined) return;
    packets.delete(packetId);
    this.#sql.forgetPacket.run(at);
    this.#packetCount--;
  }
}
