/** What a connection looks like to the flow of all of them. */
export interface Flowing {
  /** Sends the acknowledgements that have come together. */
  flush(): void;
  /** Takes more packets off the wire, if there are any and there is room. */
  resume(): void;
}

export interface FlowLimits {
  /** Messages that wait for the disk at a time. */
  readonly messages: number;
  /** Bytes of memory that they may take; the last one may go beyond it. */
  readonly bytes: number;
  /** QoS 2 messages that their devices have not released. */
  readonly unreleased: number;
  /** Bytes that the system has not taken yet of what goes to one connection, and to all of them. */
  readonly unsent: number;
  readonly unsentInAll: number;
}

/** What a connection may have unsent at any time. */
const SOME = 65_536;

/**
 * Messages of all connections that wait for the disk: each costs memory, so there is an end to them, and beyond it nothing more is taken off the
 * wire. Acknowledgements that one commit sets free go out together, one write for each connection.
 */
export class Flow {
  readonly #limits: FlowLimits;
  readonly #settled = new Set<Flowing>();
  readonly #blocked = new Set<Flowing>();
  #waiting = 0;
  #bytes = 0;
  #unsent = 0;
  #unreleased = 0;

  /** `limits`: of all connections together. */
  constructor(limits: FlowLimits) {
    this.#limits = limits;
  }

  /** One more QoS 2 message that is not released; false where there are too many. */
  hold(): boolean {
    if (this.#unreleased >= this.#limits.unreleased) return false;
    this.#unreleased++;
    return true;
  }

  letGo(count: number): void {
    this.#unreleased -= count;
  }

  /** What waits for a connection to be read by its device was `before` bytes and is `after`; false when it is too much. */
  unsent(before: number, after: number): boolean {
    this.#unsent += after - before;
    const { unsent, unsentInAll } = this.#limits;
    return after <= (this.#unsent > unsentInAll ? SOME : unsent);
  }

  get hasRoom(): boolean {
    return this.#waiting < this.#limits.messages && this.#bytes < this.#limits.bytes;
  }

  /** One more message waits; it takes so many bytes of memory until it is settled. */
  taken(bytes: number): void {
    this.#waiting++;
    this.#bytes += bytes;
  }

  settled(connection: Flowing, bytes: number): void {
    this.#waiting--;
    this.#bytes -= bytes;
    // The outcomes of a commit are settled in one go: this runs when they all are.
    if (this.#settled.size === 0) process.nextTick(() => this.#flush());
    this.#settled.add(connection);
  }

  /** Calls `resume` when there may be room again. */
  block(connection: Flowing): void {
    this.#blocked.add(connection);
  }

  leave(connection: Flowing): void {
    this.#blocked.delete(connection);
    this.#settled.delete(connection);
  }

  #flush(): void {
    for (const connection of this.#settled) connection.flush();
    this.#settled.clear();
    if (this.#blocked.size === 0 || !this.hasRoom) return;
    const blocked = [...this.#blocked];
    this.#blocked.clear();
    // Whoever finds no room left waits again, behind the others.
    for (const connection of blocked) connection.resume();
  }
}
