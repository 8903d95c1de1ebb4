import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseIdentity, TOPICS } from '../../contract/index.ts';
import { openBuffer } from '../../gateway/buffer/index.ts';
import { type Forwarder, startForwarder } from '../../gateway/forwarder/index.ts';
import { openProducer } from '../../kafka/index.ts';
import { type BadLine, openBadLine } from '../support/bad-line.ts';
import { collect, openTestBed, type TestBed, until } from '../support/testbed.ts';

// The forwarder over bad lines to real brokers. Brokers name the lines to their clients, so that every connection goes through one.

const TIMEOUT_MS = 180_000;
let bed: TestBed;
let lines: BadLine[];

beforeAll(async () => {
  lines = await Promise.all([openBadLine(), openBadLine(), openBadLine()]);
  bed = await openTestBed(3, lines);
  // Whichever broker leads it is behind one of the lines.
  await bed.createTopics([TOPICS.raw.name], 1);
}, 120_000);
afterAll(async () => {
  all((line) => line.close());
  await bed?.close();
});

const all = (work: (line: BadLine) => void) => lines.forEach(work);
const connections = () => lines.reduce((sum, { connections }) => sum + connections, 0);

interface Forwarding {
  readonly forwarder: Forwarder;
  /** Acknowledged by Kafka and released. */
  forwarded(): Promise<number>;
  forwardsMore(count?: number): Promise<void>;
}

/** Submits readings all the while; when `trouble` is over, everything acknowledged must be in Kafka, in order and once by its identity. */
async function throughTrouble(trouble: (forwarding: Forwarding) => Promise<void>): Promise<void> {
  const gateway = `gw-${Math.random().toString(36).slice(2, 8)}`;
  const dir = mkdtempSync(join(tmpdir(), 'headwater-lines-'));
  const buffer = await openBuffer({
    dir,
    maxBytes: 256 * 1_024 ** 2,
    maxAgeMs: 3_600_000,
    whenFull: 'reject-new',
    liveWithinMs: 3_600_000,
  });
  const forwarder = startForwarder({
    buffer,
    kafka: () => openProducer(bed.as('gateway')),
    gateway,
    topic: TOPICS.raw.name,
    settings: { backlogShare: 0.5, batchBytes: 900_000, lingerMs: 5 },
    log: { info: () => {}, warn: () => {} },
    limits: { lastRetryMs: 1_000 },
  });
  const forwarded = async () => (await buffer.status()).counts.forwarded;
  const forwarding: Forwarding = {
    forwarder,
    forwarded,
    async forwardsMore(count = 200) {
      const before = await forwarded();
      await until('more is forwarded', 90, async () => (await forwarded()) > before + count);
    },
  };
  let submitting = true;
  let submitted = 0;
  const device = (async () => {
    for (; submitting; submitted++) {
      const value = JSON.stringify({ n: submitted, padding: 'x'.repeat(150) });
      expect(await buffer.submit({ entries: [{ kind: 'reading', alarm: false, value, ts: submitted }] })).toBe(
        'stored',
      );
      await sleep(1);
    }
  })();
  try {
    await forwarding.forwardsMore();
    await trouble(forwarding);
    submitting = false;
    await device;
    await until('everything is forwarded', 120, async () => (await buffer.status()).readings === 0);
  } finally {
    submitting = false;
    await device.catch(() => {});
    await forwarder.close();
    await buffer.close();
    rmSync(dir, { recursive: true });
  }
  const reader = await collect(bed, TOPICS.raw.name);
  const mine = (await reader.toEnd()).filter(({ key }) => key === gateway);
  await reader.close();
  const seen = new Map<number, number>();
  for (const { headers, value } of mine) {
    const { sequence } = parseIdentity(headers.id!);
    expect(sequence).toBeLessThanOrEqual(seen.size + 1);
    if (!seen.has(sequence)) seen.set(sequence, JSON.parse(`${value}`).n);
  }
  expect([...seen.values()]).toEqual(Array.from({ length: submitted }, (_, n) => n));
  console.log(JSON.stringify({ submitted, sentTwice: mine.length - submitted }));
}

test('connections that are cut, again and again, lose nothing', { timeout: TIMEOUT_MS }, () =>
  throughTrouble(async (forwarding) => {
    for (let i = 0; i < 8; i++) {
      await sleep(200);
      all((line) => line.cut());
    }
    await forwarding.forwardsMore();
  }),
);

test('connections that end in one direction only lose nothing', { timeout: TIMEOUT_MS }, () =>
  throughTrouble(async (forwarding) => {
    for (let i = 0; i < 3; i++) {
      all((line) => line.halfClose());
      await forwarding.forwardsMore(50);
    }
  }),
);

test('a line that trickles gets smaller batches and goes on', { timeout: TIMEOUT_MS }, () =>
  throughTrouble(async (forwarding) => {
    all((line) => line.trickle(200, 10));
    await forwarding.forwardsMore(100);
    all((line) => line.flow());
    await forwarding.forwardsMore();
  }),
);

test(
  'a broker that accepts connections and never answers TLS is left, and all goes on when it answers',
  { timeout: TIMEOUT_MS },
  () =>
    throughTrouble(async (forwarding) => {
      all((line) => {
        line.freeze();
        line.cut();
      });
      const before = connections();
      await until('it is tried again', 60, () => connections() > before + 3);
      await until('the status says so', 90, () => forwarding.forwarder.status().state === 'waiting');
      all((line) => line.thaw());
      await forwarding.forwardsMore();
    }),
);

test('one broker of three that hangs, or dies, holds up only until another leads', { timeout: TIMEOUT_MS }, () =>
  throughTrouble(async (forwarding) => {
    for (const node of bed.cluster.nodes) {
      node.kill('SIGSTOP');
      await forwarding.forwardsMore();
      node.kill('SIGCONT');
      await sleep(2_000);
    }
    bed.cluster.nodes[0]!.kill('SIGKILL');
    await forwarding.forwardsMore();
    await bed.cluster.nodes[0]!.restart();
    await forwarding.forwardsMore();
  }),
);

test('brokers that move to other addresses, one after the other, are found there', { timeout: 2 * TIMEOUT_MS }, () =>
  throughTrouble(async (forwarding) => {
    // One stays: a client that starts afresh knows no others than it was told of.
    for (const i of [1, 2]) {
      const node = bed.cluster.nodes[i]!;
      const [from, to] = [lines[i]!, await openBadLine()];
      to.target = node.port;
      lines[i] = to;
      const file = join(dirname(node.logFile), 'server.properties');
      const moved = readFileSync(file, 'utf8').replaceAll(
        `CLIENT://127.0.0.1:${from.port}`,
        `CLIENT://127.0.0.1:${to.port}`,
      );
      expect(moved).toContain(`CLIENT://127.0.0.1:${to.port}`);
      writeFileSync(file, moved);
      await node.restart();
      from.cut();
      from.close();
      await forwarding.forwardsMore();
    }
    // Whoever led has let go: one of those that moved leads now.
    await bed.cluster.nodes[0]!.restart();
    await forwarding.forwardsMore();
    expect(lines[1]!.connections + lines[2]!.connections).toBeGreaterThan(0);
  }),
);
