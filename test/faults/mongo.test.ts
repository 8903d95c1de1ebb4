import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EnrichedTransaction, encode, TOPICS } from '../../contract/index.ts';
import { startConnectWatch } from '../../hub/sinks/index.ts';
import { openProducer } from '../../kafka/index.ts';
import { type DocumentBed, openDocumentBed, wantsFerretDb } from '../support/documents.ts';
import { until } from '../support/testbed.ts';

const T = 1_780_000_000_000;
const VERSIONS = 6;
const PORTION = 100;
let bed: DocumentBed;
/** Every document that was promised, in its last version. */
const promised = new Map<string, Record<string, unknown>>();
let portions = 0;

/** Sends a portion of transactions, each in several versions, the last of which is to remain. */
async function portion(): Promise<void> {
  const begin = portions++ * PORTION;
  const records = Array.from({ length: PORTION * VERSIONS }, (_, i) => {
    const transaction: EnrichedTransaction = {
      id: `t-${begin + (i % PORTION)}`,
      account: `a-${i % 7}`,
      counterparty: 'shop',
      amount: `${Math.floor(i / PORTION)}.10`,
      currency: 'CHF',
      type: 'card',
      ts: T + i,
      accountInfo: null,
    };
    const { id, ts, ...rest } = transaction;
    promised.set(id, { _id: id, ts: new Date(ts), ...rest, accountInfoFromLater: null });
    // One key for all versions of a transaction, as in the product.
    return { key: `a-${(i % PORTION) % 7}`, value: encode(transaction) };
  });
  for (let sent = false; !sent; ) {
    const producer = await openProducer(bed.as('hub')).catch(() => undefined);
    sent =
      (await producer?.send([{ topic: TOPICS.transactionsEnriched.name, records }]).then(
        () => true,
        () => false,
      )) ?? false;
    await producer?.close();
  }
}
const all = () => bed.holds('transactions', [...promised.values()], 180);

describe.runIf(wantsFerretDb())('documents when something fails in mid-stream', () => {
  let watch: ReturnType<typeof startConnectWatch>;
  beforeAll(async () => {
    bed = await openDocumentBed();
    watch = startConnectWatch({
      connect: { url: bed.connect.url },
      kafka: bed.as('hub'),
      everyMs: 500,
      firstPauseMs: 500,
      log: { info: () => {}, warn: () => {} },
    });
  }, 300_000);
  afterAll(async () => {
    await watch?.close();
    await bed?.close();
  });

  test('the database is killed: the task fails, is restarted when it is back, and every document is as it was sent', async () => {
    await portion();
    await bed.ferret.kill();
    await portion();
    await until('a failed task is told', 120, () => watch.view().failedTasks > 0);
    const told = watch.view().connectors.find(({ name }) => name === 'mongo-transactions');
    expect(told?.state).toBe('failed');
    await bed.ferret.start();
    await portion();
    await all();
    await until('all connectors run', 120, () => watch.view().connectors.every(({ state }) => state === 'ready'));
    expect(watch.view().restarts).toBeGreaterThan(0);
    expect(watch.view().deadLetters).toBe(0);
  }, 600_000);

  test('Connect is killed: it is told, and after its next start nothing is missing', async () => {
    await portion();
    await bed.connect.kill();
    await portion();
    await until('it is told', 60, () => watch.view().state === 'failed');
    await bed.connect.start();
    await portion();
    await all();
    await until('it is told', 120, () => watch.view().state === 'ready');
  }, 600_000);

  test('the broker is killed and comes back: nothing is missing', async () => {
    await portion();
    bed.cluster.nodes[0]!.kill('SIGKILL');
    const sending = portion();
    await bed.cluster.nodes[0]!.restart();
    await sending;
    await portion();
    await all();
  }, 600_000);
});
