import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { TOPICS } from '../../contract/index.ts';
import { logFiles, transactionsOf } from './transactions.ts';
import type { Victims } from './victims.ts';

const TRIES = 2_000;
/** Time for what a stopped process had sent to arrive. */
const SETTLE_MS = 50;

/** Kills the gateway just after its buffer wrote: mostly before the devices have their acknowledgements. */
export async function killAfterSync({ gateway, bufferJournal }: Victims): Promise<void> {
  await changed([bufferJournal]);
  await gateway.kill();
}

/** Kills the gateway just after Kafka wrote what it forwarded: mostly before it knows. */
export async function killAfterSend({ gateway, bed }: Victims): Promise<void> {
  await changed(bed.cluster.nodes.flatMap((node) => logFiles(node, TOPICS.raw.name)));
  await gateway.kill();
}

/** Kills the hub while a transaction with readings is open: it is stopped first, and goes on if it had committed. */
export async function killBeforeCommit({ hub, bed }: Victims): Promise<void> {
  const isOpen = () => bed.cluster.nodes.some((node) => transactionsOf(node, TOPICS.readings.name).open > 0);
  for (let tries = 0; tries < TRIES; tries++) {
    await sleep(1);
    if (!isOpen()) continue;
    hub.signal('SIGSTOP');
    await sleep(SETTLE_MS);
    if (isOpen()) break;
    hub.signal('SIGCONT');
  }
  await hub.kill();
}

async function changed(files: readonly string[]): Promise<void> {
  const look = () => files.map((file) => statSync(file, { bigint: true, throwIfNoEntry: false })?.mtimeNs).join();
  const before = look();
  for (let tries = 0; tries < TRIES && look() === before; tries++) await sleep(1);
}
