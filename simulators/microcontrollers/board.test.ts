import { expect, test } from 'vitest';
import { type Board, type BoardOptions, runBoard } from './board.ts';
import { erasedEeprom } from './climate.ts';
import { manualClock } from './clock.ts';
import { noise } from './noise.ts';

interface Line {
  readonly device: string;
  readonly boot: string;
  readonly n: number;
  readonly values: { readonly temperature: number; readonly humidity: number };
  readonly ts?: number;
  readonly sentAt?: number;
  readonly alarm?: boolean;
  readonly lost?: number;
}

const mild = () => ({ temperatureC: 21.4, humidityPct: 48.2 });

/** A board on a clock of its own, and the lines that have come from it. */
function bench(options: Partial<BoardOptions> = {}) {
  const clock = manualClock();
  const board = runBoard({ deviceId: 'mc-7', sensors: mild, clock, ...options });
  const texts = collectLines(board);
  return { clock, board, lines: () => texts.flatMap(whole) };
}

/** Nothing for what power cuts and noise leave of a line. */
function whole(text: string): Line[] {
  try {
    return [JSON.parse(text)];
  } catch {
    return [];
  }
}

function collectLines(board: Board, answer?: (line: string) => void): string[] {
  const lines: string[] = [];
  let rest = '';
  board.onTx((bytes) => {
    const parts = (rest + Buffer.from(bytes).toString('latin1')).split('\n');
    rest = parts.pop()!;
    lines.push(...parts);
    if (answer) parts.forEach(answer);
  });
  return lines;
}

const acknowledge = (board: Board, { boot, n }: Line) => board.rx(Buffer.from(`ACK ${boot} ${n}\n`));

/** Answers every line, as a gateway does. */
function answerAll(board: Board): void {
  collectLines(board, (text) => {
    for (const line of whole(text)) acknowledge(board, line);
  });
}

test('the firmware sends a frame each second with what its sensors measure', () => {
  const { clock, board, lines } = bench();
  answerAll(board);
  clock.advance(5_000);
  board.close();
  expect(lines().map((line) => line.n)).toEqual([1, 2, 3, 4, 5]);
  for (const { device, boot, values, ts } of lines()) {
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
  const { clock, lines } = bench({ sensors: () => ({ temperatureC, humidityPct }) });
  clock.advance(500);
  const { values, alarm } = lines()[0]!;
  expect(Math.abs(values.temperature - temperatureC)).toBeLessThan(0.3);
  expect(Math.abs(values.humidity - humidityPct)).toBeLessThan(0.2);
  expect(alarm).toBe(temperatureC >= 60 ? true : undefined);
});

test('the sensors are asked for the climate of the moment', () => {
  const { clock, board, lines } = bench({ sensors: (t) => ({ temperatureC: t / 1000, humidityPct: 50 }) });
  clock.advance(20_500);
  board.close();
  const last = lines().findLast((line) => line.ts === undefined)!;
  expect(last.values.temperature).toBeCloseTo(20, 0);
});

test('frames nobody acknowledges are sent again after 2 s, oldest first, with their age', () => {
  const { clock, lines } = bench();
  clock.advance(2_500);
  expect(lines().map((line) => line.n)).toEqual([1, 2, 3, 1, 2, 3]);
  const [again] = lines().slice(3);
  expect(again!.sentAt! - again!.ts!).toBeGreaterThanOrEqual(2_000);
  expect(again!.sentAt! - again!.ts!).toBeLessThan(2_200);
});

test('an acknowledged frame is not sent again, and the others are', () => {
  const { clock, board, lines } = bench();
  clock.advance(1_500);
  acknowledge(board, lines()[1]!);
  clock.advance(1_000);
  expect(lines().map((line) => line.n)).toEqual([1, 2, 3, 1, 3]);
});

test('answers to another boot, and garbage, acknowledge nothing', () => {
  const { clock, board, lines } = bench();
  clock.advance(1_500);
  board.rx(Buffer.from(`ACK 00000000 1\nACK ${lines()[0]!.boot} 99\n\xff\x00ACK ACK\n${'x'.repeat(300)}\n`, 'latin1'));
  clock.advance(1_000);
  expect(lines().map((line) => line.n)).toEqual([1, 2, 3, 1, 2, 3]);
  expect(board.truth().frames.some((frame) => frame.acknowledged)).toBe(false);
});

test('a ninth unacknowledged frame pushes out the oldest, and the board says how many it lost', () => {
  const { clock, board, lines } = bench();
  clock.advance(10_500);
  expect(lines().at(-1)).toMatchObject({ n: 11, lost: 3 });
  expect(board.truth().lost).toBe(3);
  answerAll(board);
  clock.advance(4_000);
  const acknowledged = board.truth().frames.filter((frame) => frame.acknowledged);
  expect(acknowledged.map((frame) => frame.n)).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
  expect(lines().at(-1)!.lost).toBe(4);
  expect(board.truth().lost).toBe(4);
});

test('a reset gives a new boot id and begins at frame 1', () => {
  const { clock, board, lines } = bench();
  for (let i = 0; i < 20; i++) {
    clock.advance(150);
    board.reset();
  }
  expect(lines().every((line) => line.n === 1)).toBe(true);
  expect(new Set(lines().map((line) => line.boot)).size).toBe(20);
});

test('boot ids go on being new when a board is powered up again later, and when its EEPROM was erased', () => {
  const eeprom = erasedEeprom();
  const boots = [eeprom, eeprom, erasedEeprom(), erasedEeprom()].map((memory) => {
    const { clock, lines } = bench({ eeprom: memory });
    clock.advance(500);
    return lines()[0]!.boot;
  });
  expect(new Set(boots).size).toBe(4);
});

test('power lost while the boot counter is written never brings back an old boot id', () => {
  const { clock, board, lines } = bench();
  for (let i = 0; i < 60; i++) {
    clock.advance(150);
    board.reset();
    clock.advance(i);
    board.reset();
  }
  const boots = lines().map((line) => line.boot);
  expect(boots.length).toBeGreaterThanOrEqual(60);
  expect(new Set(boots).size).toBe(boots.length);
});

test('a board without a name in its EEPROM goes by the name in its firmware', () => {
  const clock = manualClock();
  const board = runBoard({ sensors: mild, clock });
  const lines = collectLines(board);
  clock.advance(500);
  expect(JSON.parse(lines[0]!).device).toBe('mc-1');
});

test('names are taken as the platform allows them', () => {
  const longest = `A${'b_.:-9'.repeat(11)}`.slice(0, 64);
  const { clock, lines } = bench({ deviceId: longest });
  clock.advance(500);
  expect(lines()[0]!.device).toBe(longest);
  expect(() => bench({ deviceId: 'kitchen table' })).toThrowError(/kitchen table/);
});

test('the truth holds what was sent and what was acknowledged, whatever the line did to it', () => {
  // No flipped bits: the lines carry no checksum, so one in a number can acknowledge another frame.
  const bad = () => noise({ drop: 0.004, cut: 0.01, wrongBaud: 0.005 });
  const { clock, board } = bench({ noise: { tx: bad(), rx: bad() } });
  const heard = new Set<string>();
  collectLines(board, (text) => {
    const frame =
      /^\{"device":"mc-7","boot":"(\w{8})","n":(\d+),"values":\{"temperature":[\d.]+,"humidity":[\d.]+}/.exec(text);
    if (!frame) return;
    heard.add(`${frame[1]} ${frame[2]}`);
    board.rx(Buffer.from(`ACK ${frame[1]} ${frame[2]}\n`));
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
  const { board, lines } = bench({ clock });
  steps.advance(1_500);
  skipped = 3_600_000;
  steps.advance(1_000);
  board.close();
  expect(lines().findLast((line) => line.ts === undefined)!.n).toBeLessThanOrEqual(4);
});
