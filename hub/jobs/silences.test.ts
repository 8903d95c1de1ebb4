import { expect, test } from 'vitest';
import { type GatewayStatus, Silence } from '../../contract/index.ts';
import { compile } from '../../streams/core/index.ts';
import { Bench } from '../../streams/testing/index.ts';
import { silences } from './silences.ts';

const T = Date.UTC(2026, 10, 2, 12);
const at = (second: number) => T + second * 1_000;
const DAY = 86_400;

interface Run {
  /** Devices that measure, and every how many seconds. */
  readonly devices?: Readonly<Record<string, number>>;
  /** Gateways that tell their status. */
  readonly gateways?: readonly string[];
  /** How old the oldest reading is that they still hold, s. */
  readonly backlogS?: number;
}

/** The job under a gateway gw-1 (and others) with devices `<gateway>:<name>`, whose windows of 10 s come when they are over. */
function setUp() {
  const bench = new Bench(compile(silences));
  const status = (second: number, gateway: string, more: Partial<GatewayStatus> = {}) => {
    const value = {
      gateway,
      site: 'basel',
      ts: at(second),
      backlog: { readings: 0, bytes: 0, oldestTs: null },
      ...more,
    };
    bench.send('gateways', value, { key: gateway, appendedAt: at(second) });
  };
  const window = (second: number, path: string, appendedAt = second) => {
    const [gateway, device] = path.split(':');
    const series = `${gateway}/${device}/temperature`;
    const row = { series, gateway, device, site: 'basel', windowStart: at(second - 10), windowEnd: at(second) };
    bench.send('iot.readings.10s', row, { key: series, appendedAt: at(appendedAt) });
  };
  const run = (from: number, to: number, { devices = {}, gateways = ['gw-1'], backlogS }: Run = {}) => {
    for (let second = from; second < to; second++) {
      for (const [path, every] of Object.entries(devices)) if (second % every === 0) window(second, path);
      if (second % 5 === 0)
        for (const gateway of gateways) {
          const oldestTs = backlogS === undefined ? null : at(second - backlogS);
          status(second, gateway, { backlog: { readings: 1, bytes: 1, oldestTs } });
        }
      bench.tick(at(second));
    }
  };
  /** What was told since the last call. */
  const told = () => bench.take<Silence>('iot.silences').map((silence) => Silence.parse(silence));
  const states = () => told().map(({ series, state, cause }) => `${series} ${state} (${cause})`);
  return { bench, status, window, run, told, states };
}

const BOTH = { 'gw-1:a': 10, 'gw-1:b': 10 };
const ONLY_A = { 'gw-1:a': 10 };

test('a device that says nothing for a minute, where it usually does every few seconds, is one event, and its return another', () => {
  const { run, told } = setUp();
  run(0, 100, { devices: BOTH });
  run(100, 150, { devices: ONLY_A });
  expect(told()).toEqual([]);
  run(150, 400, { devices: ONLY_A });
  const event = {
    ...{ id: `gw-1/b@${at(90)}`, series: 'gw-1/b', kind: 'device', cause: 'no-readings' },
    ...{ gateway: 'gw-1', site: 'basel', device: 'b', since: at(90), usualMs: 10_000 },
  };
  expect(told()).toEqual([{ ...event, state: 'silent', ts: at(150) }]);
  run(400, 402, { devices: BOTH });
  // A pause that once was long counts, but not for all that it was.
  expect(told()).toEqual([{ ...event, state: 'back', usualMs: 20_000, ts: at(400) }]);
});

test('a clock of the hub that is set forward and back tells nobody silent, and does not keep from telling who is', () => {
  const { bench, run, status, states } = setUp();
  run(0, 100, { devices: BOTH });
  status(100, 'gw-1');
  for (let second = 0; second < 30; second++) bench.tick(at(DAY + second));
  run(101, 200, { devices: BOTH });
  expect(states()).toEqual([]);
  run(200, 400, { devices: ONLY_A });
  expect(states()).toEqual(['gw-1/b silent (no-readings)']);
  run(400, 500, { gateways: [] });
  expect(states()).toEqual(['gw-1 silent (no-status)']);
});

test('a device that speaks every ten minutes is silent after half an hour', () => {
  const { run, states } = setUp();
  run(0, 3_001, { devices: { 'gw-1:a': 10, 'gw-1:slow': 600 } });
  run(3_001, 4_790, { devices: ONLY_A });
  expect(states()).toEqual([]);
  run(4_790, 4_850, { devices: ONLY_A });
  expect(states()).toEqual(['gw-1/slow silent (no-readings)']);
});

test('a device that has spoken only once or twice has no usual pause, and is not judged', () => {
  const { run, window, states } = setUp();
  run(0, 20, { devices: BOTH });
  window(20, 'gw-1:once');
  run(20, 1_000, { devices: ONLY_A });
  expect(states()).toEqual([]);
});

test('a device whose pauses get longer is told a few times, and then that is what is usual', () => {
  const { run, states } = setUp();
  run(0, 100, { devices: { 'gw-1:a': 10, 'gw-1:b': 10 } });
  run(100, 20_000, { devices: { 'gw-1:a': 10, 'gw-1:b': 600 } });
  expect(states().length).toBeLessThanOrEqual(10);
  run(20_000, 40_000, { devices: { 'gw-1:a': 10, 'gw-1:b': 600 } });
  expect(states()).toEqual([]);
});

test('a dead gateway is one event, however many devices it has, and its return another', () => {
  const { run, told } = setUp();
  const devices = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`gw-1:d${n}`, 10]));
  run(0, 60, { devices });
  run(60, 1_000, { gateways: [] });
  const event = {
    ...{ id: `gw-1@${at(55)}`, series: 'gw-1', kind: 'gateway', cause: 'no-status' },
    ...{ gateway: 'gw-1', site: 'basel', device: null, since: at(55), usualMs: null },
  };
  expect(told()).toEqual([{ ...event, state: 'silent', ts: at(115) }]);
  run(1_000, 1_200, { devices });
  expect(told()).toEqual([{ ...event, state: 'back', ts: at(1_000) }]);
});

test('a device that does not come back with its gateway is told then', () => {
  const { run, states } = setUp();
  run(0, 60, { devices: BOTH });
  run(60, 1_000, { gateways: [] });
  run(1_000, 1_050, { devices: ONLY_A });
  expect(states()).toEqual(['gw-1 silent (no-status)', 'gw-1 back (no-status)']);
  run(1_050, 1_200, { devices: ONLY_A });
  expect(states()).toEqual(['gw-1/b silent (no-readings)']);
});

test('a gateway that said that it stops is told as stopped', () => {
  const { run, status, states } = setUp();
  run(0, 60, { devices: BOTH });
  status(60, 'gw-1', { state: 'stopped' });
  run(61, 110, { gateways: [] });
  expect(states()).toEqual([]);
  run(110, 150, { gateways: [] });
  expect(states()).toEqual(['gw-1 silent (stopped)']);
});

test('devices that fall silent together are one event of their gateway, though its status comes', () => {
  const { run, states } = setUp();
  const devices = { 'gw-1:a': 10, 'gw-1:b': 10, 'gw-1:c': 10 };
  // The gateway measures itself.
  const itself = { 'gw-1:gw-1': 10 };
  run(0, 100, { devices: { ...devices, ...itself } });
  run(100, 400, { devices: itself });
  expect(states()).toEqual(['gw-1 silent (no-readings)']);
  run(400, 500, { devices: { ...devices, ...itself } });
  expect(states()).toEqual(['gw-1 back (no-readings)']);
});

test('one gateway says nothing of the devices of another', () => {
  const { run, states } = setUp();
  const gateways = ['gw-1', 'gw-2'];
  run(0, 100, { devices: { ...BOTH, 'gw-2:c': 10, 'gw-2:d': 10 }, gateways });
  run(100, 300, { devices: BOTH, gateways: ['gw-1'] });
  expect(states()).toEqual(['gw-2 silent (no-status)']);
});

test('while a gateway holds a backlog nothing is said of its devices, and what comes late is no silence', () => {
  const { run, window, states } = setUp();
  run(0, 100, { devices: BOTH });
  // Its readings do not get through for five minutes, though its status does.
  run(100, 400, { backlogS: 60 });
  for (let second = 100; second < 400; second += 10) window(second, 'gw-1:b', 400);
  run(400, 440, { devices: BOTH });
  // What is older than the latest comes last.
  for (let second = 100; second < 400; second += 10) window(second, 'gw-1:a', 440);
  run(440, 800, { devices: BOTH });
  expect(states()).toEqual([]);
});

test('a status that now and then speaks of an old reading does not keep a device from being judged', () => {
  const { run, status, states } = setUp();
  run(0, 100, { devices: BOTH });
  for (let second = 100; second < 200; second += 10) {
    run(second, second + 7, { devices: ONLY_A });
    status(second + 7, 'gw-1', { backlog: { readings: 1, bytes: 1, oldestTs: at(second - 3_600) } });
    run(second + 7, second + 10, { devices: ONLY_A });
  }
  expect(states()).toEqual(['gw-1/b silent (no-readings)']);
});

test('a backlog does not bring back a device that is still silent', () => {
  const { run, window, states } = setUp();
  run(0, 100, { devices: BOTH });
  run(100, 200, { devices: ONLY_A });
  expect(states()).toEqual(['gw-1/b silent (no-readings)']);
  for (let second = 20; second < 80; second += 10) window(second, 'gw-1:b', 200);
  run(200, 300, { devices: ONLY_A });
  expect(states()).toEqual([]);
});

test('time in which the hub did not listen is no silence, and what was told is not told again', () => {
  const { bench, run, states } = setUp();
  run(0, 100, { devices: { ...BOTH, 'gw-1:c': 10 } });
  run(100, 200, { devices: BOTH });
  expect(states()).toEqual(['gw-1/c silent (no-readings)']);
  bench.restart();
  // Nothing comes for a while: the rest of the platform starts as well.
  run(4_000, 4_030, { gateways: [] });
  run(4_030, 4_200, { devices: BOTH });
  expect(states()).toEqual([]);
  bench.restart();
  run(4_200, 4_250, { devices: ONLY_A });
  expect(states()).toEqual([]);
  run(4_250, 4_300, { devices: { ...ONLY_A, 'gw-1:c': 10 } });
  expect(states()).toEqual(['gw-1/c back (no-readings)', 'gw-1/b silent (no-readings)']);
});

test('a device whose clock is an hour ahead, and put right, is not silent for that hour', () => {
  const { run, window, states } = setUp();
  run(0, 100, { devices: BOTH });
  for (let second = 100; second < 200; second += 10) {
    window(second + 3_600, 'gw-1:b', second);
    run(second, second + 10, { devices: ONLY_A });
  }
  run(200, 400, { devices: BOTH });
  expect(states()).toEqual([]);
});

test('who does not come back within a week is no longer waited for', () => {
  const { bench, run, states } = setUp();
  run(0, 100, { devices: { ...BOTH, 'gw-2:x': 10 }, gateways: ['gw-1', 'gw-2'] });
  run(100, 200, { devices: ONLY_A });
  expect(states().sort()).toEqual(['gw-1/b silent (no-readings)', 'gw-2 silent (no-status)']);
  run(8 * DAY, 8 * DAY + 2);
  expect(states().sort()).toEqual(['gw-1/b forgotten (no-readings)', 'gw-2 forgotten (no-status)']);
  bench.restart();
  run(8 * DAY + 2, 8 * DAY + 100);
  expect(states()).toEqual([]);
});
