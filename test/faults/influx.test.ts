import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { TOPICS } from '../../contract/index.ts';
import { type InfluxSink, type InfluxSinkStatus, MEASUREMENTS, startInfluxSink } from '../../hub/sinks/index.ts';
import { startProcess, wantsInfluxDb } from '../../infra/local/index.ts';
import type { OutgoingRecord } from '../../kafka/index.ts';
import { openBadLine } from '../support/bad-line.ts';
import { type InfluxBed, openInfluxBed } from '../support/influx.ts';
import { expectedPoints, READINGS, reading, WINDOWS, windowRow } from '../support/influx-records.ts';
import { type Mood, openMoodyServer } from '../support/moody-server.ts';
import { openTestBed, send, type TestBed, until } from '../support/testbed.ts';

describe.runIf(wantsInfluxDb())('the InfluxDB sink loses nothing and doubles nothing', () => {
  let bed: TestBed;
  let influx: InfluxBed;
  let dir: string;
  /** All readings and windows that were sent so far. */
  const sent: OutgoingRecord[] = [];
  const windows: OutgoingRecord[] = [];
  const told: string[] = [];

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'headwater-influx-faults-'));
    [bed, influx] = await Promise.all([openTestBed(), openInfluxBed()]);
    const topics = new Set(MEASUREMENTS.map(({ topic }) => topic.name));
    await bed.createTopics([...topics, TOPICS.deadLetters.name]);
  });
  afterAll(async () => {
    await bed?.close();
    await influx?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  async function feed(count: number): Promise<void> {
    const more = Array.from({ length: count }, (_, i) => reading(sent.length + i));
    sent.push(...more);
    await bring(READINGS, more);
  }
  async function feedWindows(count: number, revision: number): Promise<void> {
    const more = Array.from({ length: count }, (_, i) => windowRow(i, revision));
    windows.push(...more);
    await bring(WINDOWS, more);
  }
  /** Sends until Kafka has it, which may then have some of it twice. */
  async function bring(topic: string, records: readonly OutgoingRecord[]): Promise<void> {
    const isTaken = () =>
      send(bed, 'hub', topic, records).then(
        () => true,
        () => false,
      );
    await until(`Kafka takes ${topic}`, 120, isTaken);
  }
  const start = (settings: object): InfluxSink =>
    startInfluxSink({
      kafka: bed.as('stores'),
      influx: influx.sink(settings),
      log: { info: () => {}, warn: (_, message) => void told.push(message) },
    });

  /** InfluxDB holds each point that was sent, once and as it was sent, and no other. */
  async function allStored(): Promise<void> {
    const readings = expectedPoints(READINGS, sent);
    await until('every reading is stored', 90, async () => (await influx.count('readings')) >= readings.size);
    expect(await influx.points('readings')).toEqual(readings);
    const expected = expectedPoints(WINDOWS, windows);
    const stored = async () =>
      new Map([...(await influx.points('results'))].filter(([key]) => key.startsWith(WINDOWS)));
    const last = [...expected];
    await until('every window is stored as it was last', 90, async () => {
      await sleep(500);
      const now = await stored();
      return last.every(([key, value]) => now.get(key) === value);
    });
    expect(await stored()).toEqual(expected);
  }

  test('while InfluxDB and the sink’s process are killed in mid-stream, again and again', async () => {
    const options = join(dir, 'sink.json');
    writeFileSync(options, JSON.stringify({ kafka: bed.as('stores'), influx: influx.sink() }), { mode: 0o600 });
    let status: InfluxSinkStatus | undefined;
    const spawn = () =>
      startProcess({
        name: 'sink',
        command: process.execPath,
        args: [resolve(import.meta.dirname, '../support/influx-sink.ts'), options],
        onLine: (line) => {
          if (line.startsWith('{"status"')) status = JSON.parse(line).status;
        },
      });
    let sink = await spawn();
    let stop = false;
    const feeding = (async () => {
      for (let revision = 0; !stop; revision++) {
        await feed(700);
        await feedWindows(200, revision);
      }
    })();
    const writing = () => until('the sink writes', 60, () => (status?.writes ?? 0) > 1);
    for (let round = 0; round < 3; round++) {
      await writing();
      await influx.influx.kill('SIGKILL');
      await until('the sink has noticed', 60, () => status?.state === 'failed');
      await influx.influx.start();
      await until('the sink writes again', 90, () => status?.state === 'ready');
      sink.kill('SIGKILL');
      await sink.exited;
      status = undefined;
      sink = await spawn();
    }
    await writing();
    stop = true;
    await feeding;
    await allStored();
    expect(sent.length).toBeGreaterThan(2_000);
    await sink.stop();
  });

  test('while the broker is killed, and sinks of one group come and go', async () => {
    const first = start({});
    let stop = false;
    const feeding = (async () => {
      for (let revision = 1_000; !stop; revision++) {
        await feed(500);
        await feedWindows(200, revision);
      }
    })();
    const writes = async (sink: InfluxSink) => {
      const { points } = sink.status();
      await until('it writes', 120, () => sink.status().points > points);
    };
    await writes(first);
    const second = start({});
    await writes(second);
    const [broker] = bed.cluster.nodes;
    broker!.kill('SIGKILL');
    await broker!.restart();
    await Promise.all([writes(first), writes(second)]);
    await first.close();
    await writes(second);
    stop = true;
    await feeding;
    await allStored();
    expect([first, second].map((sink) => sink.status().deadLetters)).toEqual([{}, {}]);
    await second.close();
  });

  test('whatever InfluxDB answers: tried again, as late as it asks for, and told what to do', async () => {
    const moody = await openMoodyServer(influx.influx.url);
    const error = (status: number, message: string, more: Partial<Mood> = {}): Mood => ({
      status,
      body: JSON.stringify({ code: 'x', message }),
      ...more,
    });
    const sink = start({ url: moody.url });
    moody.moods.push(
      error(401, 'unauthorized access'),
      error(500, 'write /engine/wal: no space left on device'),
      error(429, 'too many requests', { headers: { 'retry-after': '2' } }),
      error(503, 'starting', { headers: { 'retry-after': '1' } }),
      // A server that is none: it says 200 to everything.
      { status: 200, body: 'welcome' },
      // It was stored, but nobody knows.
      error(502, 'gateway', { after: true }),
    );
    const before = told.length;
    await feed(3_000);
    await feedWindows(100, 50);
    await allStored();
    await until('all is told as stored', 30, () => sink.status().state === 'ready' && sink.status().lag === 0);
    expect(sink.status().retries).toBeGreaterThanOrEqual(6);
    expect(sink.status().deadLetters).toEqual({});
    await sink.close();
    moody.close();
    const { answered } = moody;
    const waited = (status: number) => {
      const i = answered.findIndex((one) => one.status === status);
      return answered[i + 1]!.at - answered[i]!.at;
    };
    expect(waited(429)).toBeGreaterThanOrEqual(2_000);
    expect(waited(503)).toBeGreaterThanOrEqual(1_000);
    const words = told.slice(before).join('\n');
    expect(words).toContain('headwater stores apply');
    expect(words).toContain('disk of InfluxDB is full');
  });

  test('while InfluxDB hangs: Kafka is told of nothing, the group keeps its member, and all is stored when it answers', async () => {
    const line = await openBadLine();
    line.target = influx.influx.port;
    const sink = start({ url: `http://127.0.0.1:${line.port}`, timeout: '1s' });
    await feed(100);
    await until('it runs', 60, () => sink.status().points >= 100 && sink.status().lag === 0);
    const position = async () => {
      const positions = await bed.admin.committed('stores.influx', READINGS);
      return [...positions.values()].reduce((sum, position) => sum + position, 0);
    };
    const ends = await bed.admin.offsets(READINGS);
    const before = ends.reduce((sum, { high }) => sum + high, 0);
    await until('Kafka is told of all that is stored', 60, async () => (await position()) === before);
    line.freeze();
    const { points } = sink.status();
    await feed(30_000);
    await until('it has given up waiting several times', 60, () => sink.status().retries >= 3);
    expect(sink.status()).toMatchObject({ state: 'failed', points });
    expect(sink.status().detail).toContain('cannot be reached');
    expect(await bed.admin.members('stores.influx')).toBe(1);
    // Positions are told every second.
    expect(await position()).toBe(before);
    line.thaw();
    await allStored();
    await sink.close();
    line.close();
  });

  test('a token that is renewed counts without a restart', async () => {
    const tokenFile = join(dir, 'token');
    const sink = start({ tokenFile });
    await feed(500);
    await until('the missing token is told', 60, () => sink.status().detail.includes('the token cannot be read'));
    writeFileSync(tokenFile, 'wrong');
    await until('the wrong token is told', 60, () => sink.status().detail.includes('does not take the token'));
    writeFileSync(tokenFile, influx.influx.token);
    await allStored();
    await sink.close();
  });

  test.runIf(canMount())(
    'a disk that is full: nothing is lost, and all is stored when there is room again (needs root)',
    async () => {
      const disk = join(dir, 'disk');
      mkdirSync(disk);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=96m', 'tmpfs', disk]);
      onTestFinished(() => void execFileSync('umount', ['-l', disk]));
      const small = await openInfluxBed(join(disk, 'influx'));
      onTestFinished(() => small.close());
      writeFileSync(join(disk, 'ballast'), Buffer.alloc(64 * 1_048_576));
      fillUp(disk);
      if (sent.length < 1_000) await feed(1_000);
      const sink = startInfluxSink({
        kafka: bed.as('stores'),
        influx: small.sink(),
        groupId: 'stores.full',
        topics: [READINGS],
        log: { info: () => {}, warn: () => {} },
      });
      await until('the full disk is told', 60, () => sink.status().detail.includes('disk of InfluxDB is full'));
      expect(sink.status().deadLetters).toEqual({});
      rmSync(join(disk, 'ballast'));
      await small.influx.kill('SIGTERM');
      await small.influx.start();
      const readings = expectedPoints(READINGS, sent);
      await until('every reading is stored', 90, async () => (await small.count('readings')) >= readings.size);
      expect(await small.points('readings')).toEqual(readings);
      await sink.close();
    },
  );
});

/** Writes until nothing fits any more, in ever smaller pieces. */
function fillUp(disk: string): void {
  for (const bytes of [1_000_000, 10_000, 500]) {
    try {
      for (let i = 0; ; i++) writeFileSync(join(disk, `filler-${bytes}-${i}`), Buffer.alloc(bytes));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
}

function canMount(): boolean {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', dir], { stdio: 'ignore' });
    execFileSync('umount', [dir], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
