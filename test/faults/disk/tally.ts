import { expect } from 'vitest';
import type { Lane } from '../../../contract/index.ts';
import {
  type BufferOptions,
  type DeviceId,
  type Buffer as DiskBuffer,
  openBuffer,
  type Stored,
} from '../../../gateway/buffer/index.ts';

type Sent = [sequence: number, identity: string, kind: string, value: string];

interface Line {
  readonly opened?: string;
  readonly recovered?: string | null;
  readonly failed?: string;
  readonly waits?: string;
  readonly gave?: number;
  /** That of its first sending. */
  readonly message?: number;
  readonly id?: DeviceId;
  readonly forget?: { readonly client: string; readonly packetId?: number };
  readonly got?: number;
  readonly outcome?: string;
  readonly sent?: Lane;
  readonly values?: readonly Sent[];
  readonly released?: Lane;
  readonly sequence?: number;
}

const ALL = { records: 1_000_000, bytes: 1_000_000_000 };
const LANES: readonly Lane[] = ['alarm', 'live', 'backlog'];

const optionsFor = (dir: string): BufferOptions => ({
  dir,
  maxBytes: 64 * 1024 * 1024,
  maxAgeMs: 86_400_000,
  whenFull: 'reject-new',
  liveWithinMs: 50,
});

/** What was given up stands at its last sequence. */
const firstOf = ({ kind, sequence, value }: Stored): number => (kind === 'evicted' ? JSON.parse(value).from : sequence);

/** What the program of load.fixture.ts said it was promised, over any number of its lives, against what is on disk. */
export class Tally {
  readonly counts = { stored: 0, duplicate: 0, refused: 0 };
  readonly incarnations = new Set<string>();
  readonly recovered: string[] = [];
  readonly failures: string[] = [];
  /** Why it could not be opened, a word for each try. */
  readonly waits: string[] = [];
  /** Identity → value, of everything that was ever sent. */
  readonly #sent = new Map<string, string>();
  readonly #released: Record<Lane, number> = { alarm: 0, live: 0, backlog: 0 };
  #frames = new Map<string, DeviceId>();
  /** Client and packet id → whether it is known to be known; absent where its last change was not answered. */
  readonly #inbound = new Map<string, boolean>();
  /** Life and number of what was acknowledged, whether as stored or as a repeat. */
  readonly #acknowledged = new Set<string>();
  readonly #given = new Map<number, Line>();

  take(text: string, seed: number): void {
    const line = JSON.parse(text) as Line;
    if (line.opened !== undefined) {
      this.incarnations.add(line.opened);
      if (line.recovered !== null) this.recovered.push(line.recovered!);
    } else if (line.failed !== undefined) this.failures.push(line.failed);
    else if (line.waits !== undefined) this.waits.push(line.waits);
    else if (line.gave !== undefined) {
      this.#given.set(line.gave, line);
      this.#mark(line, undefined);
    } else if (line.got !== undefined) this.#got(line, seed);
    else if (line.sent !== undefined) for (const sent of line.values!) this.#see(sent);
    else if (line.released !== undefined) this.#released[line.released] = line.sequence!;
  }

  /** The program is dead: what it was not told has no meaning. */
  nextLife(): void {
    this.#given.clear();
  }

  #got({ got, outcome }: Line, seed: number): void {
    const given = this.#given.get(got!)!;
    this.#given.delete(got!);
    this.counts[outcome as 'stored' | 'duplicate' | 'refused']++;
    if (outcome === 'refused') return;
    this.#mark(given, given.id !== undefined);
    if (given.id) this.#acknowledged.add(`${seed} ${given.message}`);
    if (given.id?.kind === 'frame') this.#frames.set(given.id.device, given.id);
  }

  #mark({ id, forget }: Line, known: boolean | undefined): void {
    const change = (key: string) => (known === undefined ? this.#inbound.delete(key) : this.#inbound.set(key, known));
    if (id?.kind === 'inbound') change(`${id.client} ${id.packetId}`);
    if (forget?.packetId !== undefined) change(`${forget.client} ${forget.packetId}`);
    else if (forget) {
      for (let packetId = 1; packetId <= 5; packetId++) change(`${forget.client} ${packetId}`);
    }
  }

  /** The same identity is never given to two records. */
  #see([, identity, kind, value]: Sent): void {
    if (kind === 'evicted') return;
    expect(this.#sent.get(identity) ?? value, identity).toBe(value);
    this.#sent.set(identity, value);
  }

  /** Stores records and closes the buffer, on a disk that works. */
  async fill(dir: string, records: number): Promise<void> {
    const buffer = await openBuffer(optionsFor(dir));
    this.incarnations.add(buffer.incarnation);
    const padding = 'x'.repeat(600);
    const submissions = Array.from({ length: records }, (_, number) => {
      this.#acknowledged.add(`0 ${number}`);
      const value = JSON.stringify({ seed: 0, message: number, number, at: 0, padding });
      return buffer.submit({ entries: [{ kind: 'reading', alarm: false, value, ts: Date.now() }] });
    });
    expect(new Set(await Promise.all(submissions))).toEqual(new Set(['stored']));
    await buffer.close();
  }

  /** Opens the buffer on a disk that works, and compares. */
  async check(dir: string, { lostAtMost = 0 } = {}): Promise<void> {
    const buffer = await openBuffer(optionsFor(dir));
    this.incarnations.add(buffer.incarnation);
    if (buffer.recovered !== null) this.recovered.push(buffer.recovered);
    await this.#checkRecords(buffer, lostAtMost);
    await this.#checkMemory(buffer);
    await buffer.close();
  }

  async #checkRecords(buffer: DiskBuffer, lostAtMost: number): Promise<void> {
    for (const lane of LANES) {
      const found = await buffer.peek(lane, 0, ALL);
      const first = found[0]?.sequence ?? buffer.last[lane] + 1;
      // What Kafka has may come again when its release was not synced, but nothing between is missing.
      if (this.recovered.length === 0) expect(first, lane).toBeLessThanOrEqual(this.#released[lane] + 1);
      let next = found[0] && firstOf(found[0]);
      for (const each of found) {
        expect(firstOf(each)).toBe(next);
        next = each.sequence + 1;
      }
      for (const { sequence, identity, kind, value } of found) this.#see([sequence, identity, kind, value]);
    }
    const there = new Map<string, Set<number>>();
    for (const value of this.#sent.values()) {
      const { seed, message, number } = JSON.parse(value);
      if (message === undefined) continue;
      const key = `${seed} ${message}`;
      there.set(key, (there.get(key) ?? new Set()).add(number));
    }
    const lost = [...this.#acknowledged].filter((key) => !there.has(key));
    if (lostAtMost === 0) expect(lost).toEqual([]);
    else expect(lost.length).toBeLessThanOrEqual(lostAtMost);
    expect([...there].filter(([, sendings]) => sendings.size > 1)).toEqual([]);
    expect(new Set(this.#sent.values()).size).toBe(this.#sent.size);
  }

  async #checkMemory(buffer: DiskBuffer): Promise<void> {
    for (const id of this.#frames.values()) {
      expect(await buffer.submit({ entries: [], id }), JSON.stringify(id)).toBe('duplicate');
    }
    this.#frames.clear();
    for (const [key, known] of this.#inbound) {
      const [client = '', packetId] = key.split(' ');
      const id: DeviceId = { kind: 'inbound', client, packetId: Number(packetId) };
      expect(await buffer.submit({ entries: [], id }), key).toBe(known ? 'duplicate' : 'stored');
    }
    this.#inbound.clear();
  }
}
