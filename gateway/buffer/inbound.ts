import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { PacketLimits } from './packets.ts';
import { rowsOf } from './rows.ts';

/**
 * Packet ids of QoS 2 messages that were not released, by client, in memory and in a table of the database that is written as they come, in the
 * store's commit. Keeps the `clients` clients remembered last and `packets` ids in all: beyond that, clients with more than an equal share forget
 * their oldest.
 */
export class InboundMemory {
  readonly #limits: PacketLimits;
  /** Client → packet id → its row; the clients, and each one's ids, in order of last use, oldest first. */
  readonly #clients = new Map<string, Map<number, number>>();
  #count = 0;
  #uses = 0;
  readonly #sql: Record<'load' | 'add' | 'forget', StatementSync>;

  constructor(db: DatabaseSync, limits: PacketLimits) {
    this.#limits = limits;
    this.#sql = {
      load: db.prepare('SELECT at, client, packet FROM inbound ORDER BY at'),
      add: db.prepare("INSERT INTO inbound VALUES (?, ?, ?, '')"),
      forget: db.prepare('DELETE FROM inbound WHERE at = ?'),
    };
    this.load();
  }

  /** Takes the memory from the database; also after a rollback. */
  load(): void {
    this.#clients.clear();
    this.#count = 0;
    this.#uses = 0;
    for (const { at, client, packet } of rowsOf(this.#sql.load)) {
      this.#use(client as string).set(packet as number, at as number);
      this.#count++;
      this.#uses = at as number;
    }
  }

  knows(client: string, packetId: number): boolean {
    return this.#clients.get(client)?.has(packetId) ?? false;
  }

  remember(client: string, packetId: number): void {
    const packets = this.#use(client);
    this.#forget(packets, packetId);
    const at = ++this.#uses;
    this.#sql.add.run(at, client, packetId);
    packets.set(packetId, at);
    this.#count++;
    this.shrink(packets);
  }

  /** Forgets what is beyond the limits, `first` of this client's; true if there was anything. */
  shrink(first?: Map<number, number>): boolean {
    const before = this.#count;
    for (const [oldest, its] of this.#clients) {
      if (this.#clients.size <= this.#limits.clients) break;
      this.#shrink(its, 0);
      this.#clients.delete(oldest);
    }
    if (this.#count > this.#limits.packets) {
      const share = Math.max(16, Math.floor(this.#limits.packets / this.#clients.size));
      if (first) this.#shrink(first, share);
      for (const its of this.#clients.values()) {
        if (this.#count <= this.#limits.packets) break;
        this.#shrink(its, share);
      }
    }
    return this.#count < before;
  }

  /** Forgets an id, or all of the client's; true if there was one. */
  forget(client: string, packetId?: number): boolean {
    const packets = this.#clients.get(client);
    if (!packets || (packetId !== undefined && !packets.has(packetId))) return false;
    if (packetId === undefined) this.#shrink(packets, 0);
    else this.#forget(packets, packetId);
    if (packets.size === 0) this.#clients.delete(client);
    return true;
  }

  /** The client's packets, the client moved to the end of the order. */
  #use(client: string): Map<number, number> {
    const packets = this.#clients.get(client) ?? new Map<number, number>();
    this.#clients.delete(client);
    this.#clients.set(client, packets);
    return packets;
  }

  #shrink(packets: Map<number, number>, size: number): void {
    while (packets.size > size) this.#forget(packets, packets.keys().next().value!);
  }

  #forget(packets: Map<number, number>, packetId: number): void {
    const at = packets.get(packetId);
    if (at === undefined) return;
    packets.delete(packetId);
    this.#sql.forget.run(at);
    this.#count--;
  }
}
