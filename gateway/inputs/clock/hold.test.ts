import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Reading, Rejected } from '../../../contract/index.ts';
import { type Outcome, openBuffer, type Submission } from '../../buffer/index.ts';
import { Decoder } from '../decode/decode.ts';
import { Rules } from '../decode/rules.ts';
import { openIntake } from './hold.ts';

const NOW = 1_800_000_000_000;
const HOUR = 3_600_000;
/** What a machine without a battery shows that was switched off for two days. */
const STALE = NOW - 48 * HOUR;
const log = { info: () => {}, warn: () => {} };
let dir: string;
let submissions: Submission[];
/** `shows`: what the machine takes for the time of its start while the clock is not set. */
let clock: { set: boolean; uptime: number; bootId: string; shows?: number };
/** Whether Kafka takes what is in the buffer. */
let forwarding: boolean;
const closers: (() => Promise<void>)[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'headwater-hold-'));
  submissions = [];
  forwarding = false;
  clock = { set: false, uptime: 10_000, bootId: 'boot-1' };
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  rmSync(dir, { recursive: true });
});

/** A gateway's start; the machine was started at `NOW`. */
async function open(submit?: (submission: Submission) => PromiseLike<Outcome>, rules?: ReadonlyMap<string, Rules>) {
  const intake = await openIntake({
    file: join(dir, 'held.jsonl'),
    clock: {
      now: () => (clock.set ? NOW : (clock.shows ?? 0)) + clock.uptime,
      monotonic: () => clock.uptime,
      isSet: () => clock.set,
      isPlausible: () => clock.set || clock.shows !== undefined,
      bootId: clock.bootId,
    },
    holdAtMostMs: HOUR,
    isForwarding: () => forwarding,
    decoder: new Decoder({ gateway: 'gw', site: 's', ...(rules && { rules }) }),
    submit:
      submit ??
      (async (submission) => {
        submissions.push(submission);
        return 'stored';
      }),
    log,
  });
  closers.push(() => intake.close());
  const send = (n: number) =>
    intake.receive({
      source: 'serial:x',
      payload: Buffer.from(`{"device":"d","boot":"aa","n":${n},"values":{"x":${n}}}`),
    });
  return { ...intake, send };
}

const readings = () =>
  submissions.map(({ entries }) => {
    const { value, ts, receivedAt, clock } = Reading.parse(JSON.parse(entries[0]!.value));
    return { value, ts, receivedAt, clock };
  });

test('passes messages on when the clock is set', async () => {
  clock.set = true;
  const { send } = await open();
  expect(await send(1).outcome).toBe('stored');
  expect(readings()).toEqual([{ value: 1, ts: NOW + 10_000, receivedAt: NOW + 10_000, clock: undefined }]);
});

test('holds messages on disk while the clock is not set, says so, and gives them their times when it is', async () => {
  const { send, held } = await open();
  const receipt = send(1);
  expect(receipt.id).toMatchObject({ kind: 'frame', number: 1 });
  expect(await receipt.outcome).toBe('stored');
  clock.uptime = 15_000;
  await send(2).outcome;
  expect(submissions).toEqual([]);
  const detail = expect.stringContaining('held on the disk until it is, 1 KiB');
  expect(held()).toMatchObject({ refuses: false, clockIsSet: false, bytes: expect.any(Number), detail });

  clock.uptime = 60_000;
  clock.set = true;
  await vi.waitFor(() => expect(existsSync(join(dir, 'held.jsonl'))).toBe(false));
  await send(3).outcome;
  expect(held()).toBe(undefined);
  expect(readings()).toEqual([
    { value: 1, ts: NOW + 10_000, receivedAt: NOW + 10_000, clock: 'unset' },
    { value: 2, ts: NOW + 15_000, receivedAt: NOW + 15_000, clock: 'unset' },
    { value: 3, ts: NOW + 60_000, receivedAt: NOW + 60_000, clock: undefined },
  ]);
});

test('holds messages while the clock shows the time of the last shutdown, and says what to do about it', async () => {
  clock.shows = STALE;
  const { send, held } = await open();
  expect(await send(1).outcome).toBe('stored');
  expect(submissions).toEqual([]);
  expect(held()!.detail).toContain('clock.trust');
  clock.uptime = 60_000;
  clock.set = true;
  await vi.waitFor(() => expect(held()).toBe(undefined));
  expect(readings()).toEqual([{ value: 1, ts: NOW + 10_000, receivedAt: NOW + 10_000, clock: 'unset' }]);
});

test('where nothing sets the clock for too long, messages have the time it shows and say so, until it is set', async () => {
  clock.shows = STALE;
  const { send, held } = await open();
  await send(1).outcome;
  clock.uptime = HOUR;
  await vi.waitFor(() => expect(held()!.detail).toContain('readings have the time it shows'));
  expect(held()).toMatchObject({ refuses: false, clockIsSet: false, bytes: 0 });
  await send(2).outcome;
  clock.set = true;
  expect(held()).toBe(undefined);
  await send(3).outcome;
  expect(readings()).toEqual([
    { value: 1, ts: STALE + 10_000, receivedAt: STALE + 10_000, clock: 'unset' },
    { value: 2, ts: STALE + HOUR, receivedAt: STALE + HOUR, clock: 'unset' },
    { value: 3, ts: NOW + HOUR, receivedAt: NOW + HOUR, clock: undefined },
  ]);
});

test('an alarm waits for the clock only as long as a time service needs, once Kafka is reached', async () => {
  clock.shows = STALE;
  const first = await open();
  await first.send(1).outcome;
  const alarm = { source: 'serial:x', payload: Buffer.from('{"device":"d","alarm":true,"values":{"x":2}}') };
  expect(await first.receive(alarm).outcome).toBe('stored');
  await first.close();

  const { send, held } = await open();
  const looked = () => new Promise((resolve) => setTimeout(resolve, 1_500));
  clock.uptime += 500_000;
  await looked();
  forwarding = true;
  await looked();
  clock.uptime += 119_000;
  await looked();
  expect(submissions).toEqual([]);
  clock.uptime += 1_000;
  await vi.waitFor(() => expect(held()!.bytes).toBe(0));
  await send(3).outcome;
  const time = { clock: 'unset', ts: STALE + 10_000, receivedAt: STALE + 10_000 };
  const now = STALE + clock.uptime;
  expect(readings()).toEqual([
    { value: 1, ...time },
    { value: 2, ...time },
    { value: 3, clock: 'unset', ts: now, receivedAt: now },
  ]);
});

test('without an alarm, readings wait for the clock while Kafka is reached', async () => {
  clock.shows = STALE;
  forwarding = true;
  const { send } = await open();
  await send(1).outcome;
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  clock.uptime += 600_000;
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(submissions).toEqual([]);
});

test('a gateway that starts when nothing has set the clock for too long holds nothing', async () => {
  clock.shows = STALE;
  clock.uptime = HOUR;
  const { send } = await open();
  await send(1).outcome;
  expect(readings()).toEqual([{ value: 1, ts: STALE + HOUR, receivedAt: STALE + HOUR, clock: 'unset' }]);
});

test('a machine that is switched off again and again holds for no longer in all', async () => {
  clock.shows = STALE;
  for (const bootId of ['boot-1', 'boot-2']) {
    clock = { ...clock, uptime: 0.3 * HOUR, bootId };
    const { send, close } = await open();
    await send(1).outcome;
    clock.uptime = 0.4 * HOUR;
    await send(2).outcome;
    await close();
  }
  expect(submissions).toEqual([]);
  // It shows what it did at the last start, as one does that was switched off without warning.
  clock = { ...clock, uptime: 0.1 * HOUR, bootId: 'boot-3' };
  const { send, held } = await open();
  expect(await send(3).outcome).toBe('stored');
  expect(submissions).toEqual([]);
  clock.uptime = 0.2 * HOUR;
  await vi.waitFor(() => expect(held()!.bytes).toBe(0));
  const values = readings();
  expect(values.map(({ value }) => value)).toEqual([1, 2, 1, 2, 3]);
  expect(new Set(values.map(({ clock }) => clock))).toEqual(new Set(['unset']));
});

test('what a device’s clock showed against the wrong time does not count once the time is known', async () => {
  clock.shows = STALE;
  clock.uptime = HOUR;
  const { receive } = await open();
  const send = (ts: number) =>
    receive({ source: 'serial:x', payload: Buffer.from(`{"device":"d","ts":${ts},"values":{"x":1}}`) }).outcome;
  for (let i = 0; i < 8; i++) {
    clock.uptime += 1_000;
    await send(NOW + clock.uptime);
  }
  clock.set = true;
  const measured = NOW + clock.uptime - 60_000;
  await send(measured);
  expect(readings().at(-1)).toMatchObject({ ts: measured, clock: undefined });
});

test.each([
  ['before it turns devices away, where the clock shows what could be the time', STALE],
  ['and turns devices away, where the clock shows what cannot be', undefined],
])('holds as much as there is room for, %s', async (_name, shows) => {
  clock.shows = shows;
  const { receive, held } = await open();
  const payload = Buffer.from(`{"device":"d","values":{"x":1},"filling":"${'x'.repeat(512 * 1_024)}"}`);
  const outcomes = new Set<Outcome>();
  for (let n = 0; n < 85; n++) outcomes.add(await receive({ source: 'serial:x', payload }).outcome);
  expect([...outcomes]).toEqual(['stored']);
  if (shows === undefined) {
    for (let n = 0; n < 20; n++) outcomes.add(await receive({ source: 'serial:x', payload }).outcome);
    expect(held()).toMatchObject({ refuses: true, clockIsSet: false });
    expect([...outcomes]).toEqual(['stored', 'refused']);
  } else {
    await vi.waitFor(() => expect(held()!.bytes).toBe(0));
    expect(readings()).toHaveLength(85);
    expect(new Set(readings().map(({ clock }) => clock))).toEqual(new Set(['unset']));
  }
});

test('a restart loses nothing of what was held, a torn end aside', async () => {
  const first = await open();
  await first.send(1).outcome;
  await first.close();
  appendFileSync(join(dir, 'held.jsonl'), '{"source":"serial:x","pay');
  const second = await open();
  await second.send(2).outcome;
  await second.close();
  clock.set = true;
  await open();
  await vi.waitFor(() => expect(readings().map(({ value }) => value)).toEqual([1, 2]));
});

test('what was held before the machine started again keeps its distances, as late as it can have been', async () => {
  const rules = () => new Map([['serial:x', new Rules({ transform: [{ rateLimit: { every: 5_000 } }] })]]);
  for (const bootId of ['boot-1', 'boot-2']) {
    clock = { set: false, uptime: 10_000, bootId };
    const { receive, close } = await open(undefined, rules());
    for (let n = 0; n < 3; n++) {
      expect(await receive({ source: 'serial:x', payload: line(n) }).outcome).toBe('stored');
      clock.uptime += 10_000;
    }
    await close();
  }
  clock = { set: true, uptime: 5_000, bootId: 'boot-3' };
  await open(undefined, rules());
  await vi.waitFor(() => expect(existsSync(join(dir, 'held.jsonl'))).toBe(false));
  // The last of a start at the beginning of the next one.
  const times = [NOW - 50_000, NOW - 40_000, NOW - 30_000, NOW - 20_000, NOW - 10_000, NOW];
  expect(readings()).toEqual(times.map((ts, i) => ({ value: i % 3, ts, receivedAt: ts, clock: 'unset' })));
});

test.each([
  ['of an earlier start', true],
  ['that were held for too long', false],
])('messages %s keep the right times of their devices', async (_name, set) => {
  clock.shows = STALE;
  const { receive, close } = await open();
  const ts = STALE + (set ? 12 : 48) * HOUR;
  for (const times of [{ ts }, { ts, sentAt: ts }])
    await receive({
      source: 'serial:x',
      payload: Buffer.from(JSON.stringify({ device: 'd', ...times, values: { x: 1 } })),
    }).outcome;
  await close();
  clock = { ...clock, set, uptime: HOUR, bootId: 'boot-2' };
  await open();
  await vi.waitFor(() => expect(existsSync(join(dir, 'held.jsonl'))).toBe(false));
  expect(readings().map(({ ts, clock }) => ({ ts, clock }))).toEqual(Array(2).fill({ ts, clock: 'unset' }));
});

test('what the buffer refuses stays held, and newer messages wait behind it', async () => {
  const outcomes: Outcome[] = ['refused', 'stored', 'stored'];
  const { send } = await open(async (submission) => {
    const outcome = outcomes.shift() ?? 'refused';
    if (outcome === 'stored') submissions.push(submission);
    return outcome;
  });
  await send(1).outcome;
  clock.set = true;
  await vi.waitFor(() => expect(outcomes).toHaveLength(2));
  expect(await send(2).outcome).toBe('stored');
  expect(readings().map(({ value }) => value)).toEqual([1, 2]);
});

test('reads held messages by the formats and the transform of their input, and remembers only what the buffer took', async () => {
  let room = false;
  let refused = 0;
  const submit = async (submission: Submission): Promise<Outcome> => {
    if (!room) {
      refused++;
      return 'refused';
    }
    submissions.push(submission);
    return 'stored';
  };
  const rules = new Rules({
    formats: [{ format: 'number', topic: 's/{device}/{metric}' }],
    transform: [{ deadband: { absolute: 1, maxSilence: 60_000 } }],
  });
  const { receive } = await open(submit, new Map([['mqtt', rules]]));
  for (const [n, value] of ['20', '20.5', '30'].entries()) {
    const packet = { client: 'c', packetId: n + 1, dup: false };
    const held = receive({ source: 'mqtt', topic: 's/d/x', payload: Buffer.from(value), packet });
    expect(await held.outcome).toBe('stored');
    clock.uptime += 1_000;
  }
  clock.set = true;
  await vi.waitFor(() => expect(refused).toBeGreaterThanOrEqual(3));
  room = true;
  await vi.waitFor(() => expect(existsSync(join(dir, 'held.jsonl'))).toBe(false));
  const values = submissions.flatMap(({ entries }) =>
    entries.map(({ value }) => Reading.parse(JSON.parse(value)).value),
  );
  expect(values).toEqual([20, 30]);
  const packets = submissions.flatMap(({ id }) => (id?.kind === 'packet' ? id.packetId : []));
  expect(packets.sort()).toEqual([1, 2, 3]);
  expect(rules.counts.dropped.deadband).toBe(1);
});

test('a QoS 2 id that is used again after it was forgotten keeps its place, also where the buffer is full at first', async () => {
  const remembered = new Set<number>();
  const stored: number[] = [];
  let full = true;
  // As the buffer does it: what it knows is not stored again, and what is only to be forgotten needs no room.
  const submit = async ({ entries, id, forget }: Submission): Promise<Outcome> => {
    if (forget) remembered.delete(forget.packetId!);
    if (id?.kind !== 'inbound') return 'stored';
    if (full) return 'refused';
    if (remembered.has(id.packetId)) return 'duplicate';
    remembered.add(id.packetId);
    stored.push(Reading.parse(JSON.parse(entries[0]!.value)).value);
    return 'stored';
  };
  const { receive } = await open(submit);
  const publish = (value: number) => {
    const packet = { client: 'c', packetId: 1, dup: false, once: true };
    return receive({ source: 'mqtt', topic: 'devices/d/x', payload: Buffer.from(`${value}`), packet }).outcome;
  };
  const release = () =>
    receive({ source: 'mqtt', payload: Buffer.alloc(0), forget: { client: 'c', packetId: 1 } }).outcome;
  await Promise.all([publish(1), publish(1), release(), publish(2), release(), publish(3)]);
  clock.set = true;
  setTimeout(() => {
    full = false;
  }, 1_500);
  await vi.waitFor(() => expect(stored).toEqual([1, 2, 3]));
});

test('a full buffer does not keep the gateway from starting, nor what was held from being stored first', async () => {
  const first = await open();
  await first.send(1).outcome;
  await first.close();
  clock.set = true;
  let full = true;
  const second = await open(async (submission) => {
    if (full) return 'refused';
    submissions.push(submission);
    return 'stored';
  });
  const newer = second.send(2).outcome;
  full = false;
  expect(await newer).toBe('stored');
  expect(readings().map(({ value }) => value)).toEqual([1, 2]);
});

test('of large messages that were held, only some go to the buffer at a time', async () => {
  const payload = Buffer.from(`{"device":"d","values":{"x":1},"more":"${'x'.repeat(60_000)}"}`);
  const { receive } = await open();
  await Promise.all(Array.from({ length: 12 }, () => receive({ source: 'serial:x', payload }).outcome));
  await closers.pop()!();
  clock.set = true;
  const waiting: (() => void)[] = [];
  let taken = 0;
  await open(() => new Promise((resolve) => waiting.push(() => resolve('stored'))));
  while (taken < 12) {
    await vi.waitFor(() => expect(waiting.length).toBeGreaterThan(0), { timeout: 30_000 });
    expect(waiting.length).toBeLessThan(4);
    for (const store of waiting.splice(0)) {
      store();
      taken++;
    }
  }
});

test('a gateway that is closed while newer messages wait refuses them', async () => {
  const { send, close } = await open(async () => 'refused');
  await send(1).outcome;
  clock.set = true;
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const waiting = send(2).outcome;
  await close();
  expect(await waiting).toBe('refused');
});

test('a damaged line that is still JSON becomes a dead letter, and what comes after it is stored', async () => {
  const { send, close } = await open();
  await send(1).outcome;
  await close();
  const line = { boot: 'boot-1', at: 11_000, source: 'mqtt', topic: 5, payload: 'MQ==' };
  appendFileSync(join(dir, 'held.jsonl'), `${JSON.stringify(line)}\n`);
  clock.set = true;
  const { send: sendAgain, held } = await open();
  await vi.waitFor(() => expect(held()).toBe(undefined));
  expect(await sendAgain(2).outcome).toBe('stored');
  const entries = submissions.flatMap((submission) => submission.entries);
  expect(entries.map(({ kind }) => kind)).toEqual(['reading', 'rejected', 'reading']);
  expect(Rejected.parse(JSON.parse(entries[1]!.value)).code).toBe('HELD_DAMAGED');
});

test('a file that cannot be opened is waited for, and set aside when it cannot be read at all', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  try {
    mkdirSync(join(dir, 'held.jsonl'));
    const opening = open();
    await vi.waitFor(
      async () => {
        await vi.advanceTimersByTimeAsync(1_000);
        expect(readdirSync(dir)).toContainEqual(expect.stringMatching(/^held\.jsonl\.unreadable-\d+$/));
      },
      { timeout: 60_000, interval: 10 },
    );
    const { send } = await opening;
    expect(await send(1).outcome).toBe('stored');
    expect(submissions).toEqual([]);
  } finally {
    vi.useRealTimers();
  }
});

test('what was damaged in the file becomes dead letters, and the rest is stored', async () => {
  const first = await open();
  await first.send(1).outcome;
  const file = join(dir, 'held.jsonl');
  appendFileSync(file, 'null\n{"boot":"b","at":1}\n{"boot":"b","at":9.3e15,"source":"serial:x","payload":"MQ=="}\n');
  appendFileSync(file, Buffer.from([0, 0xff, 0xfe, 10]));
  await first.close();
  const second = await open();
  await second.send(2).outcome;
  await second.close();
  clock.set = true;
  await open();
  await vi.waitFor(() => expect(existsSync(file)).toBe(false));
  const kept = submissions.flatMap(({ entries }) => entries).map(({ kind, value }) => ({ kind, ...JSON.parse(value) }));
  expect(kept.map(({ kind, value }) => (kind === 'reading' ? value : kind))).toEqual([
    1,
    'rejected',
    'rejected',
    'rejected',
    'rejected',
    2,
  ]);
  expect(Rejected.parse({ ...kept[1], kind: undefined }).code).toBe('HELD_DAMAGED');
});

test.each([1, 40, 64, 65, 130, 200, 260])(
  'a gateway that is killed while it hands held messages over, after %i submissions, counts none of them twice',
  async (killedAfter) => {
    const options = { maxBytes: 2 ** 24, maxAgeMs: 2 ** 40, whenFull: 'reject-new', liveWithinMs: 10_000 } as const;
    const buffer = await openBuffer({ dir: join(dir, 'buffer'), ...options });
    closers.push(() => buffer.close());
    const { receive, close } = await open();
    const plain = (value: number) => ({ source: 'serial:x', payload: line(value) });
    const packet = (value: number, packetId: number, once: boolean) => ({
      ...{ source: 'mqtt', topic: 'devices/d/x', payload: Buffer.from(`${value}`) },
      packet: { client: 'c', packetId, dup: false, once },
    });
    const forget = { source: 'mqtt', payload: Buffer.alloc(0), forget: { client: 'c', packetId: 9 } };
    for (let value = 0; value < 160; value += 4) {
      // The same reading comes again and again, with a packet id that does too: every one of them counts.
      for (const message of [plain(value), packet(1, 1, false), packet(1, 2, false), packet(2, 9, true), forget])
        await receive(message).outcome;
    }
    await close();

    clock.set = true;
    let left = killedAfter;
    const killed = await open((submission) => {
      return left-- > 0 ? buffer.submit(submission) : Promise.reject(new Error('killed'));
    });
    await vi.waitFor(() => expect(left).toBeLessThan(0));
    await killed.close();
    await open((submission) => buffer.submit(submission));
    await vi.waitFor(() => expect(existsSync(join(dir, 'held.jsonl'))).toBe(false));
    expect((await buffer.status()).counts).toMatchObject({ acknowledged: 160, rejected: 0 });
  },
);

/** 8 KiB of room for 200 messages; the signal would end the process instead of failing the write. */
function onFullDisk(...args: string[]): { taken: number; values: number[] } {
  const fixture = join(import.meta.dirname, 'full-disk.fixture.ts');
  const command = `trap '' XFSZ; ulimit -f 8; exec "${process.execPath}" "${fixture}" "${dir}" ${args.join(' ')}`;
  return JSON.parse(execFileSync('bash', ['-c', command], { encoding: 'utf8' }));
}

test('of what it holds on a disk that becomes full, it takes only what is there whole', async () => {
  const { taken, values } = onFullDisk();
  expect(taken).toBeGreaterThan(10);
  expect(taken).toBeLessThan(200);
  expect(values).toEqual([]);
  clock.set = true;
  await open();
  await vi.waitFor(() => expect(existsSync(join(dir, 'held.jsonl'))).toBe(false));
  expect(readings()).toHaveLength(taken);
});

test('on a disk that becomes full, messages get the time that the clock shows, where that could be the time', () => {
  const { taken, values } = onFullDisk('plausible');
  expect(taken).toBe(200);
  expect(values).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
});

const line = (value: number) => Buffer.from(`{"device":"d","values":{"x":${value}}}`);
