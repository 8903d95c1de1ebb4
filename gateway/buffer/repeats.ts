import type { DatabaseSync } from 'node:sqlite';
import { FrameMemory } from './frames.ts';
import { InboundMemory } from './inbound.ts';
import { LEAST_SHARE, PACKET_LIMITS, PacketMemory } from './packets.ts';
import type { DeviceId, Forget } from './types.ts';

/**
 * The memory of the devices' own message ids, by which their repeats are known after any crash: its rows are written in the commit that stores
 * the message. It is bounded, and forgets:
 * - frames: of the 20,000 (device, boot) pairs used last, the numbers that came, exactly, whatever their order, as up to 512 runs each, of which
 *   the lowest is forgotten, and 160,000 in all, beyond which the boots used longest ago keep only their highest.
 * - packets (QoS 1): of the 8,192 MQTT clients heard last; the last 131,072 in all, of which a client keeps its equal share of 7/8. A packet id
 *   says nothing by itself (clients use them again and again): only a message flagged DUP with the digest remembered for its id is a repeat.
 * - inbound (QoS 2): what the client released, and beyond that the oldest by the same bounds: a client that nobody else needs room from may have
 *   all its 65,535 unreleased at once. An id that is known is a repeat, whatever else the message says.
 * A repeat of something forgotten is stored again.
 */
export interface RepeatLimits {
  readonly boots: number;
  readonly runs: number;
  readonly clients: number;
  readonly packets: number;
}

const LIMITS: RepeatLimits = { boots: 20_000, runs: 160_000, ...PACKET_LIMITS };
/** Each of the three memories may take so much of the buffer, with rows at their largest: a small buffer would be full of them, and of nothing else, for ever. */
const SHARE = 1 / 8;
const PACKET_ROW_BYTES = 300;
/** With room for as many runs as there are for each boot. */
const FRAME_ROW_BYTES = 200;
const RUNS_EACH = LIMITS.runs / LIMITS.boots;

/** What a buffer of so many bytes has room for. */
export function repeatLimitsOf(maxBytes: number): RepeatLimits {
  const packets = Math.min(LIMITS.packets, Math.floor((maxBytes * SHARE) / PACKET_ROW_BYTES));
  const boots = Math.min(LIMITS.boots, Math.floor((maxBytes * SHARE) / FRAME_ROW_BYTES));
  return {
    boots,
    runs: boots * RUNS_EACH,
    clients: Math.min(LIMITS.clients, Math.floor(packets / LEAST_SHARE)),
    packets,
  };
}

export class Repeats {
  readonly #frames: FrameMemory;
  readonly #packets: PacketMemory;
  readonly #inbound: InboundMemory;

  constructor(db: DatabaseSync, limits: RepeatLimits = LIMITS) {
    this.#frames = new FrameMemory(db, limits);
    this.#packets = new PacketMemory(db, limits);
    this.#inbound = new InboundMemory(db, limits);
  }

  /** Takes the memory from the database after a rollback. */
  load(): void {
    this.#frames.load();
    this.#packets.load();
    this.#inbound.load();
  }

  isRepeat(id: DeviceId): boolean {
    switch (id.kind) {
      case 'frame':
        return this.#frames.knows(id.device, id.boot, id.number);
      case 'packet':
        return id.dup && this.#packets.knows(id.client, id.packetId, id.digest);
      case 'inbound':
        return this.#inbound.knows(id.client, id.packetId);
    }
  }

  /** Remembers a message that is being stored. Frames and packets reach the database with `save`. */
  remember(id: DeviceId): void {
    if (id.kind === 'frame') this.#frames.remember(id.device, id.boot, id.number);
    else if (id.kind === 'packet') this.#packets.remember(id.client, id.packetId, id.digest);
    else this.#inbound.remember(id.client, id.packetId);
  }

  /** Forgets what a client released; true if there was anything to forget. */
  forget({ client, packetId }: Forget): boolean {
    return this.#inbound.forget(client, packetId);
  }

  /** Forgets what is beyond the limits, which an earlier opening may have had wider; true if there was anything. Before anything is remembered. */
  shrink(): boolean {
    return [this.#frames, this.#packets, this.#inbound].map((memory) => memory.shrink()).includes(true);
  }

  save(): void {
    this.#frames.save();
    this.#packets.save();
  }
}
