import { expect, test } from 'vitest';
import { type Board, type BoardOptions, runBoard } from './board.ts';
import { erasedEeprom } from './climate.ts';
import { manualClock } from './clock.ts';
import { acknowledge, frameReader } from './frames.ts';
import { noise } from './noise.ts';

interface Sent {
  readonly boot: string;
  readonly n: number;
  readonly device: string;
  readonly values: { readonly temperature: number; readonly humidity: number };
  readonly ts?: number;
  readonly sentAt?: number;
  readonly alarm?: boolean;
  readonly lost?: number;
}

const mild = () => ({ temperatureC: 21.4, humidityPct: 48.2 });

/** A board on a clock of its own, and the frames that have come whole from it. */
function bench(options: Partial<BoardOptions> = {}) {
  const clock = manualClock();
  const board = runBoard({ deviceId: 'mc-7', sensors: mild, clock, ...options });
  const sent: Sent[] = [];
  listen(board, (frame) => sent.push(frame));
  return { clock, board, sent };
}

function listen(board: Board, onFrame: (frame: Sent) => void): void {
  const reader = frameReader(({ boot, n, payload }) => onFrame({ boot, n, ...JSON.parse(payload) }));
  board.onTx((bytes) => bytes.forEach(reader.take));
}

/** Answers every frame, as a gateway does. */
function answerAll(board: Board): void {
  listen(board, (frame) => board.rx(acknowledge(frame)));
}

const numbers = (sent: readonly Sent[]) => sent.map((frame) => frame.n);

test('the firmware sends a frame each second with what its sensors measure', () => {
  const { clock, board, sent } = bench();
  answerAll(board);
  clock.advance(5_000);
  board.close();
  expect(numbers(sent)).toEqual([1, 2, 3, 4, 5]);
  for (const { device, boot, values, ts } of sent) {
    expect(device).toBe('mc-7');
    expect(boot).toMatch(/^[0-9a-f]{8}$/);
    expect(values.temperature).toBeCloseTo(21.4, 0);
    expect(values.humidity).toBeCloseTo(48.2, 0);
    expect(ts).toBeUndefined();
  }
});

test.each([
  [-38.5, 0],
  [0, 5],
  [-0.3, 99.9],
  [118, 100],
])('it measures %d °C and %d % humidity', (temperatureC, humidityPct) => {
  const { clock, sent } = bench({ sensors: () => ({ temperatureC, humidityPct }) });
  clock.advance(500);
  const { values, alarm } = sent[0]!;
  expect(Math.abs(values.temperature - temperatureC)).toBeLessThan(0.3);
  expect(Math.abs(values.humidity - humidityPct)).toBeLessThan(0.2);
  expect(alarm).toBe(temperatureC >= 60 ? true : undefined);
});

test('the sensors are asked for the climate of the moment', () => {
  const { clock, board, sent } = bench({ sensors: (t) => ({ temperatureC: t / 1000, humidityPct: 50 }) });
  clock.advance(20_500);
  board.close();
  const last = sent.findLast((frame) => frame.ts === undefined)!;
  expect(last.values.temperature).toBeCloseTo(20, 0);
});

test('frames nobody acknowledges are sent again after 2 s, oldest first, with their age, and ever more slowly', () => {
  const { clock, sent } = bench();
  const again = () => sent.filter((frame) => frame.ts !== undefined);
  clock.advance(2_500);
  expect(numbers(sent)).toEqual([1, 2, 3, 1]);
  const [first] = again();
  expect(first!.sentAt! - first!.ts!).toBeGreaterThanOrEqual(2_000);
  expect(first!.sentAt! - first!.ts!).toBeLessThan(2_200);
  clock.advance(4_000);
  expect(numbers(again())).toEqual([1, 1, 2, 3, 4, 5]);
  clock.advance(7_000);
  expect(again()).toHaveLength(6);
});

test('an acknowledged frame is not sent again, and the others are, at once when the gateway is back', () => {
  const { clock, board, sent } = bench();
  clock.advance(1_500);
  board.rx(acknowledge(sent[1]!));
  clock.advance(20_000);
  const before = sent.length;
  board.rx(acknowledge(sent.at(-1)!));
  clock.advance(2_500);
  const again = sent.slice(before).filter((frame) => frame.ts !== undefined);
  expect(numbers(again).slice(0, 5)).toEqual([1, 3, 4, 5, 6]);
});

test('answers to another boot or to a frame not sent, and garbage, acknowledge nothing', () => {
  const { clock, board, sent } = bench();
  clock.advance(1_500);
  const { boot } = sent[0]!;
  const flipped = Buffer.from(acknowledge({ boot, n: 1 }));
  flipped[9]! ^= 1;
  for (const bytes of [
    acknowledge({ boot: '00000000', n: 1 }),
    acknowledge({ boot, n: 99 }),
    acknowledge({ boot, n: 1 }).subarray(0, 8),
    flipped,
    Buffer.alloc(300, 0xff),
    Buffer.alloc(3),
  ]) {
    board.rx(bytes);
  }
  clock.advance(1_000);
  expect(numbers(sent)).toEqual([1, 2, 3, 1]);
  expect(board.truth().frames.some((frame) => frame.acknowledged)).toBe(false);
});

test('one unacknowledged frame more than 32 pushes out the oldest, and the board says how many it lost', () => {
  const { clock, board, sent } = bench();
  clock.advance(34_500);
  const newest = sent.findLast((frame) => frame.ts === undefined);
  expect(newest).toMatchObject({ n: 35, lost: 3 });
  expect(board.truth().lost).toBe(3);
  answerAll(board);
  clock.advance(6_000);
  const acknowledged = board.truth().frames.filter((frame) => frame.acknowledged);
  expect(acknowledged.map((frame) => frame.n)).toEqual(Array.from({ length: 37 }, (_, i) => i + 5));
  expect(board.truth().lost).toBe(4);
});

test('a reset gives a new boot id and begins at frame 1', () => {
  const { clock, board, sent } = bench();
  for (let i = 0; i < 20; i++) {
    clock.advance(150);
    board.reset();
  }
  expect(sent.every((frame) => frame.n === 1)).toBe(true);
  expect(new Set(sent.map((frame) => frame.boot)).size).toBe(20);
});

test('boot ids go on being new when a board is powered up again later, and when its EEPROM was erased', () => {
  const eeprom = erasedEeprom();
  const boots = [eeprom, eeprom, erasedEeprom(), erasedEeprom()].map((memory) => {
    const { clock, sent } = bench({ eeprom: memory });
    clock.advance(500);
    return sent[0]!.boot;
  });
  expect(new Set(boots).size).toBe(4);
});

test('power lost while the boot counter is written never brings back an old boot id', () => {
  const { clock, board, sent } = bench();
  for (let i = 0; i < 60; i++) {
    clock.advance(150);
    board.reset();
    clock.advance(i);
    board.reset();
  }
  const boots = sent.map((frame) => frame.boot);
  expect(boots.length).toBeGreaterThanOrEqual(60);
  expect(new Set(boots).size).toBe(boots.length);
});

test('a board without a name in its EEPROM goes by the name in its firmware', () => {
  const clock = manualClock();
  const board = runBoard({ sensors: mild, clock });
  const devices: string[] = [];
  listen(board, ({ device }) => devices.push(device));
  clock.advance(500);
  expect(devices).toEqual(['mc-1']);
});

test('names are taken as the platform allows them', () => {
  const longest = `A${'b_.:-9'.repeat(11)}`.slice(0, 64);
  const { clock, sent } = bench({ deviceId: longest });
  clock.advance(500);
  expect(sent[0]!.device).toBe(longest);
  expect(() => bench({ deviceId: 'kitchen table' })).toThrowError(/kitchen table/);
});

test('the truth holds what was sent and what was acknowledged, whatever the line did to it', () => {
  const bad = () => noise({ flip: 0.001, drop: 0.002, cut: 0.01, wrongBaud: 0.005 });
  const { clock, board } = bench({ noise: { tx: bad(), rx: bad() } });
  const heard = new Set<string>();
  listen(board, (frame) => {
    heard.add(`${frame.boot} ${frame.n}`);
    board.rx(acknowledge(frame));
  });
  for (let i = 0; i < 3; i++) {
    clock.advance(40_000);
    board.reset();
  }
  const { frames } = board.truth();
  expect(frames.length).toBeGreaterThanOrEqual(118);
  const acknowledged = frames.filter((frame) => frame.acknowledged);
  expect(acknowledged.length).toBeGreaterThan(60);
  for (const { boot, n } of acknowledged) expect(heard).toContain(`${boot} ${n}`);
  expect(frames.some((frame) => frame.timesSent > 1)).toBe(true);
});

test('a board that could not run for a while goes on from there', () => {
  let skipped = 0;
  const steps = manualClock();
  const clock = { now: () => steps.now() + skipped, after: steps.after };
  const { board, sent } = bench({ clock });
  steps.advance(1_500);
  skipped = 3_600_000;
  steps.advance(1_000);
  board.close();
  expect(sent.findLast((frame) => frame.ts === undefined)!.n).toBeLessThanOrEqual(4);
});
