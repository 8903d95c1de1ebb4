import { randomBytes } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';

/**
 * What the session at the broker holds for this gateway, as far as the gateway knows: kept beside the buffer, because a broker goes on sending
 * what was once subscribed to and has no way to ask for the list.
 */
export interface Session {
  /** URL of the broker. */
  readonly broker: string;
  readonly clientId: string;
  /** Tells it from an earlier one, whose packet ids mean nothing in this one. */
  readonly id: string;
  readonly filters: readonly string[];
}

/** One that begins now. */
export function newSession(broker: string, clientId: string): Session {
  return { broker, clientId, id: randomBytes(4).toString('hex'), filters: [] };
}

/** The session that was written; undefined where there is none with that broker, or none that can be read. */
export async function readSession(file: string, broker: string, clientId: string): Promise<Session | undefined> {
  try {
    const { id, filters, ...its } = JSON.parse(await readFile(file, 'utf8'));
    if (its.broker !== broker || its.clientId !== clientId || typeof id !== 'string') return undefined;
    if (!Array.isArray(filters) || !filters.every((filter) => typeof filter === 'string')) return undefined;
    return { broker, clientId, id, filters };
  } catch {
    // A list that is lost costs only that what is no longer asked for cannot be cancelled.
    return undefined;
  }
}

/** Writes it so that after a crash there is the old list or the new one. */
export async function writeSession(file: string, session: Session): Promise<void> {
  const next = `${file}.new`;
  const handle = await open(next, 'w', 0o600);
  try {
    await handle.writeFile(JSON.stringify(session));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(next, file);
}
