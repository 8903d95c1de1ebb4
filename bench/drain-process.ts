import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Lane, TOPICS } from '../contract/index.ts';
import { type Buffer as DiskBuffer, openBuffer } from '../gateway/buffer/index.ts';
import { startForwarder } from '../gateway/forwarder/index.ts';
import { type KafkaSettings, openProducer } from '../kafka/index.ts';
import { reading } from './drain.ts';
import { round, usage } from './settings.ts';

/* What bench/drain.ts measures, in a process of its own: the buffer, the forwarder, and a device that goes on. */

export interface Drain {
  readonly kafka: KafkaSettings;
  /** Of a buffer that is full of `readings`. */
  readonly dir: string;
  readonly readings: number;
  readonly liveRate: number;
}

export interface DrainAnswer {
  readonly readyMs: number;
  readonly drainedPerSecond: number;
  readonly live: number;
  /** Those of them that came while the live lane was still old, and so stand in the backlog behind what came before. */
  readonly liveInBacklog: number;
  readonly liveP50Ms: number;
  readonly liveP99Ms: number;
  /** Records of the backlog that Kafka acknowledged while a reading of the live lane waited: the most, and that of 99 of 100. */
  readonly overtakenByMost: number;
  readonly overtakenByP99: number;
  readonly forwarded: number;
  readonly waiting: number;
  readonly rssStartMb: number;
  readonly rssMiddleMb: number;
  readonly rssEndMb: number;
  readonly rssMb: number;
  readonly cpuSeconds: number;
  readonly diskBeforeMb: number;
  readonly diskFullMb: number;
  readonly diskAfterMb: number;
}

const LIVE_DEVICE = '"device":"live"';

async function drain({ kafka, dir, readings, liveRate }: Drain): Promise<DrainAnswer> {
  const cpu = process.cpuUsage();
  const diskBeforeMb = diskMb(dir);
  const startedAt = performance.now();
  const buffer = await openBuffer({
    dir,
    maxBytes: 2 ** 40,
    maxAgeMs: 2 ** 45,
    whenFull: 'reject-new',
    liveWithinMs: 10_000,
  });
  const readyMs = performance.now() - startedAt;
  const watched = watch(buffer);
  const forwarder = startForwarder({
    buffer: watched.buffer,
    kafka: () => openProducer(kafka),
    gateway: 'bench',
    topic: TOPICS.raw.name,
    settings: { backlogShare: 0.5, batchBytes: 900_000, lingerMs: 5 },
    log: { info() {}, warn: (detail, message) => console.error(message, detail) },
  });
  // Memory by how far the drain is.
  const rss: number[][] = Array.from({ length: 10 }, () => []);
  const sampling = setInterval(() => {
    rss[Math.min(9, Math.floor((10 * watched.released()) / readings))]!.push(process.memoryUsage.rss() / 2 ** 20);
  }, 100);
  let diskFullMb = diskBeforeMb;

  let live = 0;
  const drainStartedAt = performance.now();
  const done = () => watched.released() >= readings;
  const devices = (async () => {
    while (!done()) {
      const due = Math.floor(((performance.now() - drainStartedAt) / 1000) * liveRate);
      for (; live < due; live++) {
        void buffer.submit({
          entries: [reading('live', live, Date.now())],
          id: { kind: 'frame', device: 'live', boot: '1', number: live + 1 },
        });
      }
      diskFullMb = Math.max(diskFullMb, diskMb(dir));
      await sleep(10);
    }
  })();
  await devices;
  const seconds = (performance.now() - drainStartedAt) / 1000;
  while ((await buffer.status()).readings > 0) await sleep(10);
  clearInterval(sampling);
  const { counts, readings: waiting } = await buffer.status();
  await forwarder.close();
  await sleep(1000);
  await buffer.close();
  const its = usage(cpu);
  const mean = (deciles: readonly number[]) => {
    const samples = deciles.flatMap((at) => rss[at]!);
    return Math.round(samples.reduce((sum, mb) => sum + mb, 0) / Math.max(1, samples.length));
  };
  return {
    readyMs: Math.round(readyMs),
    drainedPerSecond: Math.round(readings / seconds),
    live,
    liveInBacklog: watched.inBacklog(),
    liveP50Ms: round(quantile(watched.delaysMs, 0.5), 1),
    liveP99Ms: round(quantile(watched.delaysMs, 0.99), 1),
    overtakenByMost: quantile(watched.overtaken, 1),
    overtakenByP99: quantile(watched.overtaken, 0.99),
    forwarded: counts.forwarded,
    waiting,
    rssStartMb: mean([1]),
    rssMiddleMb: mean([4, 5]),
    rssEndMb: mean([9]),
    ...its,
    diskBeforeMb: Math.round(diskBeforeMb),
    diskFullMb: Math.round(diskFullMb),
    diskAfterMb: round(diskMb(dir), 1),
  };
}

/** A buffer that notes when live readings are with Kafka, and how much of the backlog was before them. */
function watch(buffer: DiskBuffer) {
  const waiting: Record<Lane, { readonly sequence: number; readonly givenAt: number }[]> = {
    alarm: [],
    live: [],
    backlog: [],
  };
  const at: Record<Lane, number> = { alarm: 0, live: 0, backlog: 0 };
  /** Per 10 ms since the start: what of the backlog Kafka had then. */
  const history: { readonly at: number; readonly released: number }[] = [{ at: Date.now(), released: 0 }];
  const delaysMs: number[] = [];
  const overtaken: number[] = [];
  let live = 0;
  let inBacklog = 0;
  const released = () => at.live + at.backlog - live;
  const releasedAt = (time: number) =>
    history.findLast((moment) => moment.at <= time)?.released ?? history[0]!.released;
  return {
    delaysMs,
    overtaken,
    inBacklog: () => inBacklog,
    released,
    buffer: {
      incarnation: buffer.incarnation,
      recovered: buffer.recovered,
      last: buffer.last,
      failed: buffer.failed,
      onStored: (listener) => buffer.onStored(listener),
      onRest: (listener) => buffer.onRest(listener),
      submit: (submission) => buffer.submit(submission),
      async peek(lane, after, limit) {
        const found = await buffer.peek(lane, after, limit);
        for (const { sequence, value } of found) {
          const known = waiting[lane].at(-1)?.sequence ?? 0;
          if (value.includes(LIVE_DEVICE) && sequence > known)
            waiting[lane].push({ sequence, givenAt: JSON.parse(value).ts });
        }
        return found;
      },
      release(lane, sequence) {
        at[lane] = sequence;
        const now = Date.now();
        while (waiting[lane][0] && waiting[lane][0].sequence <= sequence) {
          const { givenAt } = waiting[lane].shift()!;
          live++;
          if (lane === 'backlog') inBacklog++;
          else {
            delaysMs.push(now - givenAt);
            overtaken.push(released() - releasedAt(givenAt));
          }
        }
        if (now > history.at(-1)!.at) history.push({ at: now, released: released() });
        if (history.length > 20_000) history.splice(0, 10_000);
        return buffer.release(lane, sequence);
      },
      status: () => buffer.status(),
      close: () => buffer.close(),
    } satisfies DiskBuffer,
  };
}

function quantile(values: number[], share: number): number {
  values.sort((a, b) => a - b);
  return values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;
}

function diskMb(dir: string): number {
  const sizes = ['buffer.db', 'buffer.db-wal'].map(
    (name) => statSync(join(dir, name), { throwIfNoEntry: false })?.size ?? 0,
  );
  return (sizes[0]! + sizes[1]!) / 2 ** 20;
}

process.once('message', async (message) => {
  process.send!(await drain(message as Drain));
});
