import { existsSync, readFileSync, renameSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Sessions kept; beyond them the one longest not connected ends. */
const MAX_SESSIONS = 10_000;

/** What outlives a connection that did not ask for a clean session, besides its QoS 2 ids, which the buffer keeps. */
interface Session {
  /** Only its user may take a session up again. */
  readonly username: string | undefined;
  /** Topic filter → QoS. */
  readonly subscriptions: Map<string, number>;
  /** Which of all changes was the last of this session: it is on disk when that one is. */
  changed: number;
}

type Row = [clientId: string, username: string | null, subscriptions: [string, number][]];

/** The MQTT sessions a device may rely on after any restart: a small file, written anew and synced with each change before the device is told. */
export class Sessions {
  readonly #file: string | undefined;
  readonly #limit: number;
  /** The one longest not connected first. */
  readonly #sessions: Map<string, Session>;
  #writing: Promise<void> | undefined;
  /** Changes so far, and how many of them are on disk. */
  #changes = 0;
  #saved = 0;

  /** `file` is made with the first session; without one, sessions end with the process. One that cannot be read is set aside, and `onDamaged` told. */
  constructor(file: string | undefined, onDamaged: (error: Error) => void, limit = MAX_SESSIONS) {
    this.#file = file;
    this.#limit = limit;
    this.#sessions = new Map();
    if (file === undefined || !existsSync(file)) return;
    try {
      for (const [clientId, username, subscriptions] of JSON.parse(readFileSync(file, 'utf8')) as Row[]) {
        const session = { username: username ?? undefined, subscriptions: new Map(subscriptions), changed: 0 };
        this.#sessions.set(clientId, session);
      }
    } catch (error) {
      this.#sessions.clear();
      renameSync(file, `${file}.damaged`);
      onDamaged(error as Error);
    }
  }

  has(clientId: string): boolean {
    return this.#sessions.has(clientId);
  }

  /** Whether a session of this name belongs to somebody else. */
  isForeign(clientId: string, username: string | undefined): boolean {
    const session = this.#sessions.get(clientId);
    return session !== undefined && session.username !== username;
  }

  *subscriptions(): Generator<{ clientId: string; topic: string; qos: number }, void> {
    for (const [clientId, { subscriptions }] of this.#sessions) {
      for (const [topic, qos] of subscriptions) yield { clientId, topic, qos };
    }
  }

  /** Whose session has to end before another begins: the one longest not connected, where there is no more room. */
  get nextToEnd(): string | undefined {
    return this.#sessions.size < this.#limit ? undefined : this.#sessions.keys().next().value;
  }

  /** Takes a session up or begins one; resolves when it is on disk. */
  async begin(clientId: string, username: string | undefined): Promise<void> {
    const known = this.#sessions.get(clientId);
    const session = known ?? { username, subscriptions: new Map(), changed: ++this.#changes };
    this.#sessions.delete(clientId);
    this.#sessions.set(clientId, session);
    try {
      await this.#save(session.changed);
    } catch (error) {
      // Nobody was told that it had begun.
      if (known === undefined && this.#sessions.get(clientId) === session) {
        this.#sessions.delete(clientId);
        this.#changes++;
      }
      throw error;
    }
  }

  /** Resolves when the end is on disk. */
  async end(clientId: string): Promise<void> {
    const session = this.#sessions.get(clientId);
    if (session === undefined) return;
    this.#sessions.delete(clientId);
    try {
      await this.#save(++this.#changes);
    } catch (error) {
      // It may still be on disk: unless it can be ended again, it would be back after a restart.
      if (!this.#sessions.has(clientId)) {
        this.#sessions.set(clientId, session);
        session.changed = ++this.#changes;
      }
      throw error;
    }
  }

  async subscribe(clientId: string, topic: string, qos: number): Promise<void> {
    const session = this.#sessions.get(clientId);
    if (session === undefined) return;
    if (session.subscriptions.get(topic) !== qos) {
      session.subscriptions.set(topic, qos);
      session.changed = ++this.#changes;
    }
    await this.#save(session.changed);
  }

  async unsubscribe(clientId: string, topics: readonly string[]): Promise<void> {
    const session = this.#sessions.get(clientId);
    if (session === undefined) return;
    const known = topics.filter((topic) => session.subscriptions.delete(topic));
    if (known.length > 0) session.changed = ++this.#changes;
    await this.#save(session.changed);
  }

  /** Resolves when this change is on disk, tried again if it was to be before and could not. What changes meanwhile goes with the next write. */
  async #save(change: number): Promise<void> {
    const file = this.#file;
    if (file === undefined) return;
    if (this.#saved < change) await this.#writing?.catch(() => {});
    if (this.#saved >= change) return;
    this.#writing ??= this.#write(file).finally(() => {
      this.#writing = undefined;
    });
    await this.#writing;
  }

  async #write(file: string): Promise<void> {
    const changes = this.#changes;
    const rows: Row[] = Array.from(this.#sessions, ([clientId, { username, subscriptions }]) => [
      clientId,
      username ?? null,
      [...subscriptions],
    ]);
    const fresh = `${file}.new`;
    await synced(fresh, 'w', (handle) => handle.writeFile(JSON.stringify(rows)));
    await rename(fresh, file);
    await synced(dirname(file), 'r');
    this.#saved = changes;
  }
}

async function synced(
  path: string,
  flags: string,
  write?: (handle: Awaited<ReturnType<typeof open>>) => Promise<void>,
): Promise<void> {
  const handle = await open(path, flags, 0o600);
  try {
    await write?.(handle);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
