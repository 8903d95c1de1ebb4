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
}

type Row = [clientId: string, username: string | null, subscriptions: [string, number][]];

/** The MQTT sessions a device may rely on after any restart: a small file, written anew and synced with each change before the device is told. */
export class Sessions {
  readonly #file: string | undefined;
  readonly #limit: number;
  /** The one longest not connected first. */
  readonly #sessions: Map<string, Session>;
  #saving: Promise<void> | undefined;
  #savedAgain: Promise<void> | undefined;

  /** `file` is made with the first session; without one, sessions end with the process. One that cannot be read is set aside, and `onDamaged` told. */
  constructor(file: string | undefined, onDamaged: (error: Error) => void, limit = MAX_SESSIONS) {
    this.#file = file;
    this.#limit = limit;
    this.#sessions = new Map();
    if (file === undefined || !existsSync(file)) return;
    try {
      for (const [clientId, username, subscriptions] of JSON.parse(readFileSync(file, 'utf8')) as Row[]) {
        this.#sessions.set(clientId, { username: username ?? undefined, subscriptions: new Map(subscriptions) });
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

  /** Takes a session up or begins one; resolves when it is on disk. Gives the client whose session had to end for it, if any. */
  async begin(clientId: string, username: string | undefined): Promise<string | undefined> {
    const known = this.#sessions.get(clientId);
    this.#sessions.delete(clientId);
    this.#sessions.set(clientId, known ?? { username, subscriptions: new Map() });
    if (known) return undefined;
    const ended = this.#sessions.size > this.#limit ? this.#sessions.keys().next().value : undefined;
    if (ended !== undefined) this.#sessions.delete(ended);
    await this.#save();
    return ended;
  }

  async end(clientId: string): Promise<void> {
    if (this.#sessions.delete(clientId)) await this.#save();
  }

  async subscribe(clientId: string, topic: string, qos: number): Promise<void> {
    const subscriptions = this.#sessions.get(clientId)?.subscriptions;
    if (subscriptions === undefined || subscriptions.get(topic) === qos) return;
    subscriptions.set(topic, qos);
    await this.#save();
  }

  async unsubscribe(clientId: string, topics: readonly string[]): Promise<void> {
    const subscriptions = this.#sessions.get(clientId)?.subscriptions;
    const known = topics.filter((topic) => subscriptions?.delete(topic));
    if (known.length > 0) await this.#save();
  }

  /** What changes while the file is being written goes into it together, right after. */
  #save(): Promise<void> {
    const file = this.#file;
    if (file === undefined) return Promise.resolve();
    if (this.#saving === undefined) {
      this.#saving = this.#write(file).finally(() => {
        this.#saving = undefined;
      });
      return this.#saving;
    }
    this.#savedAgain ??= this.#saving
      .catch(() => {})
      .then(() => {
        this.#savedAgain = undefined;
        return this.#save();
      });
    return this.#savedAgain;
  }

  async #write(file: string): Promise<void> {
    const rows: Row[] = Array.from(this.#sessions, ([clientId, { username, subscriptions }]) => [
      clientId,
      username ?? null,
      [...subscriptions],
    ]);
    const fresh = `${file}.new`;
    await synced(fresh, 'w', (handle) => handle.writeFile(JSON.stringify(rows)));
    await rename(fresh, file);
    await synced(dirname(file), 'r');
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
