import { writeSync } from 'node:fs';
import type { Lane } from '../../../contract/index.ts';
import { type DeviceId, openBuffer, type Submission } from '../../../gateway/buffer/index.ts';
import { seeded } from '../../../simulators/random/index.ts';

/*
 * Devices, which send again what was refused, and a forwarder on a buffer, for ever, by a seed. Tells on stdout, a line each, as JSON: `opened`, `gave` (a submission, before it is
 * handed over), `got` (its outcome), `released` (Kafka has a lane up to there, before the buffer is told), `failed` (and opens again, as the gateway does), `waits` (it cannot be opened yet).
 */
const [dir, seed, sends] = process.argv.slice(2) as [string, string, 'some' | 'all'];
const random = seeded(Number(seed));
/** Written when it returns: `process.stdout` keeps to itself what a slow reader has not taken yet, and the kill would take that away. */
function tell(line: object): void {
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
    }
  }
}
const options = {
  dir,
  maxBytes: 64 * 1024 * 1024,
  maxAgeMs: 86_400_000,
  whenFull: 'reject-new',
  liveWithinMs: 50,
} as const;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const LANES: readonly Lane[] = ['alarm', 'live', 'backlog'];

async function open() {
  const opened = await openBuffer(options, { onTrouble: (error) => tell({ waits: error.message }), retryMs: 50 });
  tell({ opened: opened.incarnation, recovered: opened.recovered, pid: process.pid });
  void opened.failed.then(async (error) => {
    tell({ failed: error.message });
    await opened.close();
    buffer = await open();
  });
  return opened;
}

let buffer = await open();
let given = 0;

/** Sends a message until it is not refused; gives its number, under which `again` sends it once more. */
async function send(submission: Omit<Submission, 'entries'>, entries: number, again?: number): Promise<number> {
  let message = again;
  for (;;) {
    const number = ++given;
    message ??= number;
    tell({ gave: number, message, ...submission });
    const padding = 'x'.repeat(random.chance(0.02) ? random.between(2_000, 9_000) : random.between(0, 300));
    const outcome = await buffer.submit({
      ...submission,
      entries: Array.from({ length: entries }, (_, at) => ({
        kind: 'reading',
        alarm: random.chance(0.1),
        value: JSON.stringify({ seed, message, number, at, padding }),
        ts: Date.now(),
      })),
    });
    tell({ got: number, outcome });
    if (outcome !== 'refused') return message;
    await pause(20);
    const { id } = submission;
    if (id?.kind === 'packet') submission = { id: { ...id, dup: true } };
  }
}

async function frames(device: string): Promise<void> {
  for (let number = 1; ; number++) {
    await send({ id: { kind: 'frame', device, boot: seed, number } }, random.between(1, 3));
    if (random.chance(0.3)) await pause(random.between(0, 8));
  }
}

async function packets(client: string): Promise<void> {
  for (let digest = 1; ; digest++) {
    await send({ id: { kind: 'packet', client, packetId: (digest % 5) + 1, dup: false, digest } }, 1);
    if (random.chance(0.3)) await pause(random.between(0, 8));
  }
}

/** Exactly once: an id is used again only when its release is on disk. */
async function inbound(client: string): Promise<void> {
  for (let packetId = 1; ; packetId = (packetId % 5) + 1) {
    const id: DeviceId = { kind: 'inbound', client, packetId };
    const message = await send({ id }, 1);
    while (random.chance(0.3)) await send({ id }, 1, message);
    await send({ forget: random.chance(0.05) ? { client } : { client, packetId } }, 0);
  }
}

async function forward(lane: Lane): Promise<void> {
  for (let after = 0; ; ) {
    await pause(random.between(1, 30));
    try {
      const found = await buffer.peek(lane, after, {
        records: sends === 'all' ? 1000 : random.between(1, 40),
        bytes: 100_000,
      });
      if (found.length === 0) continue;
      after = found.at(-1)!.sequence;
      tell({
        sent: lane,
        values: found.map(({ sequence, identity, kind, value }) => [sequence, identity, kind, value]),
      });
      // Told before: it may be on disk and the answer not yet here.
      tell({ released: lane, sequence: after });
      await buffer.release(lane, after);
    } catch {
      after = 0;
    }
  }
}

await Promise.all([
  ...Array.from({ length: 12 }, (_, at) => frames(`mc-${at}`)),
  ...Array.from({ length: 4 }, (_, at) => packets(`${seed}-packets-${at}`)),
  ...Array.from({ length: 4 }, (_, at) => inbound(`${seed}-${at}`)),
  ...LANES.map(forward),
]);
