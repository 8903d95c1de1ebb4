import type { Silence } from '../../contract/index.ts';

/**
 * Who of a gateway and its devices is silent, by wall-clock time: ticks bring it, and a record leaves a mark until the next tick.
 *
 * - A gateway is silent after a minute without its status; or while its status comes, when its devices have fallen silent together.
 * - A device is silent after three times the longest pause that is usual for it, and not before a minute. Its silence is measured at the gateway's last
 *   status that spoke of no backlog: what a dead or belated gateway holds back is no silence of its devices.
 * - Time in which nobody listened (a restart of the hub) is no silence, nor is what passed before the gateway was back.
 */
const SILENT_MS = 60_000;
const USUAL_PAUSES = 3;
/** Of the longest usual pause, with each window: what happened once does not count for ever. */
const FADE = 0.98;
/** So many pauses must be known of a device. */
const PAUSES_NEEDED = 2;
/** Without a tick for so long nobody has listened. */
const UNHEARD_MS = 5_000;
/** A gateway that was belated for so long is back when it no longer is. */
const BELATED_MS = 30_000;
/** What fell silent within this time fell silent together: a window, and what it takes to put it out. */
const TOGETHER_MS = 15_000;
/** After so long nobody is waited for any more. */
const FORGOTTEN_MS = 7 * 86_400_000;

export interface StatusSign {
  readonly site: string;
  /** When the broker took it: the gateway's own clock may be off. */
  readonly at: number;
  /** Whether it holds nothing from before the last half minute. */
  readonly isCurrent: boolean;
  /** Whether it is its last word. */
  readonly stopped: boolean;
}

/** A window with readings of a device. */
export interface WindowSign {
  readonly device: string;
  readonly site: string | null;
  /** Its end, or when the broker took it where the device's clock is ahead. */
  readonly end: number;
}

interface Device {
  site: string | null;
  /** End of its latest window. */
  last: number;
  /** The longest pause between its windows that is usual, ms, and of how many that is known. */
  pauseMs: number;
  pauses: number;
  silentSince: number | null;
  /** Of this life only: whether there was a window since the last tick, and the last tick that found one. */
  heard: boolean;
  heardAt: number;
}

type SavedDevice = [site: string | null, last: number, pauseMs: number, pauses: number, silentSince: number | null];

export interface SavedWatch {
  readonly site: string | null;
  readonly statusTs: number;
  readonly stopped: boolean;
  readonly silent: { readonly cause: Silence['cause']; readonly since: number } | null;
  readonly devices: Readonly<Record<string, SavedDevice>>;
}

export class GatewayWatch {
  readonly #gateway: string;
  #site: string | null = null;
  /** When the latest status came; 0 where none is known. */
  #statusTs = 0;
  #stopped = false;
  #silent: SavedWatch['silent'] = null;
  readonly #devices = new Map<string, Device>();
  /** The rest is of this life only: times of ticks, 0 for never. */
  #tickedAt = 0;
  #listeningSince = 0;
  #status: 'none' | 'belated' | 'current' = 'none';
  #statusAt = 0;
  /** Of the latest status that was current. */
  #currentAt = 0;
  #backAt = 0;
  /** Of the latest window of any device but the gateway itself. */
  #windowAt = 0;
  #told: Silence[] = [];

  constructor(gateway: string, saved?: SavedWatch) {
    this.#gateway = gateway;
    if (saved === undefined) return;
    this.#site = saved.site;
    this.#statusTs = saved.statusTs;
    this.#stopped = saved.stopped;
    this.#silent = saved.silent;
    for (const [name, [site, last, pauseMs, pauses, silentSince]] of Object.entries(saved.devices))
      this.#devices.set(name, { site, last, pauseMs, pauses, silentSince, heard: false, heardAt: 0 });
  }

  save(): SavedWatch {
    const devices = Array.from(this.#devices, ([name, d]): [string, SavedDevice] => [
      name,
      [d.site, d.last, Math.round(d.pauseMs), d.pauses, d.silentSince],
    ]);
    return {
      site: this.#site,
      statusTs: this.#statusTs,
      stopped: this.#stopped,
      silent: this.#silent,
      devices: Object.fromEntries(devices),
    };
  }

  onStatus({ site, at, isCurrent, stopped }: StatusSign): void {
    this.#site = site;
    this.#statusTs = at;
    this.#stopped = stopped;
    this.#status = isCurrent ? 'current' : 'belated';
  }

  onWindow({ device: name, site, end }: WindowSign): void {
    let device = this.#devices.get(name);
    if (device === undefined) {
      device = { site, last: end, pauseMs: 0, pauses: 0, silentSince: null, heard: true, heardAt: 0 };
      this.#devices.set(name, device);
      return;
    }
    // What is older comes from a backlog.
    if (end < device.last) return;
    if (end > device.last) learn(device, end - device.last);
    device.last = end;
    device.site = site;
    device.heard = true;
  }

  /** Whether nobody of it was heard for so long that there is nothing more to watch. */
  get isOver(): boolean {
    return this.#devices.size === 0 && this.#tickedAt - this.#statusTs > FORGOTTEN_MS;
  }

  /** @returns who fell silent or is back since the last tick */
  tick(now: number): readonly Silence[] {
    if (now < this.#tickedAt) this.#setBack(now);
    if (now - this.#tickedAt > UNHEARD_MS) this.#listeningSince = now;
    this.#tickedAt = now;
    this.#told = [];
    this.#hearGateway(now);
    this.#hearDevices(now);
    this.#forget(now);
    const isKnown = this.#statusTs > now - FORGOTTEN_MS;
    if (this.#silent === null && isKnown && now - Math.max(this.#statusAt, this.#listeningSince) >= SILENT_MS)
      this.#fallSilent(this.#stopped ? 'stopped' : 'no-status', this.#statusTs, now);
    if (this.#currentAt > 0) this.#judgeDevices(now);
    return this.#told;
  }

  /** The clock was set back: what was heard at times that are yet to come was heard by now, or nobody would be silent until then. */
  #setBack(now: number): void {
    this.#listeningSince = now;
    this.#statusAt = Math.min(this.#statusAt, now);
    this.#currentAt = Math.min(this.#currentAt, now);
    this.#backAt = Math.min(this.#backAt, now);
    this.#windowAt = Math.min(this.#windowAt, now);
    for (const device of this.#devices.values()) device.heardAt = Math.min(device.heardAt, now);
  }

  #hearGateway(now: number): void {
    if (this.#status === 'none') return;
    this.#statusAt = now;
    if (this.#silent !== null && this.#silent.cause !== 'no-readings') this.#isBack(now);
    if (this.#status === 'current') {
      if (now - this.#currentAt > BELATED_MS) this.#backAt = now;
      this.#currentAt = now;
    }
    this.#status = 'none';
  }

  #hearDevices(now: number): void {
    for (const [name, device] of this.#devices) {
      if (!device.heard) continue;
      device.heard = false;
      device.heardAt = now;
      if (name !== this.#gateway) {
        this.#windowAt = now;
        if (this.#silent?.cause === 'no-readings') this.#isBack(now);
      }
      if (device.silentSince === null) continue;
      this.#tellDevice(name, device, 'back', now);
      device.silentSince = null;
    }
  }

  #forget(now: number): void {
    for (const [name, device] of this.#devices) {
      if (now - device.last <= FORGOTTEN_MS) continue;
      if (device.silentSince !== null) this.#tellDevice(name, device, 'forgotten', now);
      this.#devices.delete(name);
    }
    if (this.#silent === null || now - this.#statusTs <= FORGOTTEN_MS) return;
    this.#tellGateway('forgotten', now);
    this.#silent = null;
  }

  #judgeDevices(now: number): void {
    for (const [name, device] of this.#devices) {
      if (this.#silent !== null) return;
      if (device.silentSince !== null || device.pauses < PAUSES_NEEDED) continue;
      if (this.#quietMs(device) < Math.max(SILENT_MS, USUAL_PAUSES * device.pauseMs)) continue;
      if (this.#isOneOfMany(name, device)) {
        this.#fallSilent('no-readings', Math.max(...Array.from(this.#devices.values(), ({ last }) => last)), now);
      } else {
        device.silentSince = device.last;
        this.#tellDevice(name, device, 'silent', now);
      }
    }
  }

  /** For how long a device has said nothing that its gateway would have passed on. */
  #quietMs(device: Device): number {
    return this.#currentAt - this.#lastChance(device);
  }

  #lastChance({ heardAt }: Device): number {
    return Math.max(heardAt, this.#listeningSince, this.#backAt);
  }

  /** Whether nobody spoke after the device, and another one should have by now. */
  #isOneOfMany(name: string, device: Device): boolean {
    if (name === this.#gateway || this.#windowAt > this.#lastChance(device) + TOGETHER_MS) return false;
    for (const [other, its] of this.#devices) {
      if (other === name || other === this.#gateway) continue;
      if (its.silentSince !== null || its.pauses < PAUSES_NEEDED) continue;
      if (this.#quietMs(its) >= 2 * its.pauseMs + TOGETHER_MS) return true;
    }
    return false;
  }

  #fallSilent(cause: Silence['cause'], since: number, now: number): void {
    this.#silent = { cause, since };
    this.#tellGateway('silent', now);
  }

  #isBack(now: number): void {
    this.#tellGateway('back', now);
    this.#silent = null;
    this.#backAt = now;
  }

  #tellGateway(state: Silence['state'], now: number): void {
    const { cause, since } = this.#silent!;
    this.#tell({ kind: 'gateway', state, cause, site: this.#site, device: null, since, usualMs: null, ts: now });
  }

  #tellDevice(name: string, { site, silentSince, pauseMs }: Device, state: Silence['state'], now: number): void {
    const usualMs = Math.round(pauseMs);
    const since = silentSince!;
    this.#tell({ kind: 'device', state, cause: 'no-readings', site, device: name, since, usualMs, ts: now });
  }

  #tell(silence: Omit<Silence, 'id' | 'series' | 'gateway'>): void {
    const { device, since } = silence;
    const series = device === null ? this.#gateway : `${this.#gateway}/${device}`;
    this.#told.push({ id: `${series}@${since}`, series, gateway: this.#gateway, ...silence });
  }
}

function learn(device: Device, pauseMs: number): void {
  // At most twice the longest before: an outage is not at once what is usual.
  if (device.pauses === 0) device.pauseMs = pauseMs;
  else device.pauseMs = Math.max(device.pauseMs * FADE, Math.min(pauseMs, 2 * device.pauseMs));
  device.pauses = Math.min(PAUSES_NEEDED, device.pauses + 1);
}
