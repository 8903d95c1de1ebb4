import { expect, onTestFinished, test, vi } from 'vitest';
import { Gathering } from './gathering.ts';
import { message, reading } from './testing.ts';

const ANSWER_MS = 5;

/** Counts what leaves, on a clock that the test moves; the disk answers within 5 ms. */
function open() {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const groups: number[] = [];
  const rests: boolean[] = [];
  let waiting = 0;
  let onAnswer = () => {};
  let onWake = () => {};
  const gathering = new Gathering(
    () => {
      if (waiting === 0) return;
      const size = waiting;
      groups.push(size);
      waiting = 0;
      setTimeout(() => {
        gathering.answered(size);
        onAnswer();
      }, ANSWER_MS);
    },
    (resting) => {
      rests.push(resting);
      if (!resting) onWake();
    },
  );
  const add = (alarm = false, readings = 1) => {
    waiting++;
    gathering.add({ entries: Array(readings).fill(reading('x', alarm)) });
  };
  const every = async (ms: number, count: number) => {
    groups.length = 0;
    for (let n = 0; n < count; n++) {
      add();
      await vi.advanceTimersByTimeAsync(ms);
    }
    return groups.length;
  };
  /** A load so steady that small groups wait, whose last has just been answered; too thin to tell that nobody waits for answers. */
  const steady = async () => {
    await every(50, 250);
    while (waiting > 0) await vi.advanceTimersByTimeAsync(1);
    await vi.advanceTimersByTimeAsync(ANSWER_MS);
    groups.length = 0;
    rests.length = 0;
  };
  const answered = (then: () => void) => {
    onAnswer = then;
  };
  const woken = (then: () => void) => {
    onWake = then;
  };
  return { gathering, groups, rests, add, every, steady, answered, woken };
}

test('what comes alone goes at once, for a while; a steady load goes in a few groups a second', async () => {
  const { every } = open();
  expect(await every(1000, 20)).toBe(20);
  expect(await every(10, 100)).toBe(100);
  await every(10, 100);
  expect(await every(10, 1000)).toBeLessThanOrEqual(45);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(await every(10, 100)).toBe(100);
});

test('so are twenty a second', async () => {
  const { every, steady } = open();
  await steady();
  expect(await every(50, 400)).toBeLessThanOrEqual(20 * 5);
});

test('alarms, large groups and large batches are not held up', async () => {
  const { groups, add, steady } = open();
  await steady();
  add();
  await vi.advanceTimersByTimeAsync(10);
  expect(groups).toEqual([]);
  add(true);
  await vi.advanceTimersByTimeAsync(1);
  expect(groups).toEqual([2]);
  await steady();
  for (let n = 0; n < 48; n++) add();
  await vi.advanceTimersByTimeAsync(1);
  expect(groups).toEqual([48]);
  await steady();
  add(false, 47);
  await vi.advanceTimersByTimeAsync(10);
  expect(groups).toEqual([]);
  add(false, 48);
  await vi.advanceTimersByTimeAsync(1);
  expect(groups).toEqual([2]);
});

test('devices that wait for each answer before they go on get some thirty a second', async () => {
  const { groups, add, steady, answered } = open();
  await steady();
  answered(() => {
    for (let device = 0; device < 5; device++) add();
  });
  add();
  await vi.advanceTimersByTimeAsync(2000);
  expect(groups.length).toBeGreaterThan(40);
  expect(groups.at(-1)).toBe(5);
});

test('while a group waits the inputs rest, and what they read at its end goes with it', async () => {
  const { groups, rests, add, steady, woken } = open();
  await steady();
  await vi.advanceTimersByTimeAsync(50);
  woken(add);
  add();
  await vi.advanceTimersByTimeAsync(1);
  expect(rests).toEqual([true]);
  await vi.advanceTimersByTimeAsync(340);
  expect([rests, groups]).toEqual([[true], []]);
  await vi.advanceTimersByTimeAsync(10);
  expect([rests, groups]).toEqual([[true, false], [2]]);
});

test('where nobody waits for answers the inputs rest from one group to the next, but for a look now and then', async () => {
  const { groups, rests, add, steady, woken, answered } = open();
  await steady();
  await vi.advanceTimersByTimeAsync(50);
  // Twenty in 350 ms, which lie unread, and one soon after each answer.
  woken(() => {
    for (let n = 0; n < 20; n++) add();
  });
  answered(() => {
    if (rests.at(-1) === false) setTimeout(add, 5);
  });
  add();
  await vi.advanceTimersByTimeAsync(350 + ANSWER_MS + 5 + 20 + 5);
  expect([groups, rests]).toEqual([[21], [true, false, true]]);
  await vi.advanceTimersByTimeAsync(350 * 7);
  expect(groups).toEqual([21, 21, ...Array(6).fill(20)]);
  expect(rests.at(-1)).toBe(true);
  await vi.advanceTimersByTimeAsync(350 + ANSWER_MS);
  expect(rests.at(-1)).toBe(false);
  await vi.advanceTimersByTimeAsync(600);
  expect(rests.at(-1)).toBe(true);
  // A rest that brings nothing is the last.
  woken(() => {});
  await vi.advanceTimersByTimeAsync(600);
  expect(rests.at(-1)).toBe(false);
});

test('many devices that wait for each answer before they go on are not taken for such', async () => {
  const { groups, add, steady, answered } = open();
  await steady();
  answered(() => {
    for (let device = 0; device < 20; device++) add();
  });
  for (let device = 0; device < 20; device++) add();
  await vi.advanceTimersByTimeAsync(2000);
  expect(groups.length).toBeGreaterThan(40);
  expect(groups.at(-1)).toBe(20);
});

test('nobody rests where more comes than a trickle', async () => {
  const { groups, rests, every, steady } = open();
  await steady();
  await every(4, 500);
  rests.length = 0;
  await every(4, 500);
  expect(rests).toEqual([]);
  expect(groups.every((size) => size <= 49)).toBe(true);
});

test('nobody rests while readings go one by one, come in large groups or may be answers, and an alarm ends a rest', async () => {
  const { rests, add, every, steady, answered } = open();
  await every(10, 100);
  expect(rests).toEqual([]);
  await steady();
  for (let n = 0; n < 48; n++) add();
  await vi.advanceTimersByTimeAsync(300);
  expect(rests).toEqual([]);
  answered(add);
  add(true);
  await vi.advanceTimersByTimeAsync(2000);
  expect(rests).toEqual([]);
  answered(() => {});
  await vi.advanceTimersByTimeAsync(50);
  add();
  await vi.advanceTimersByTimeAsync(1);
  add(true);
  expect(rests).toEqual([true, false]);
});

test('after its end nothing goes by itself', async () => {
  const { gathering, groups } = open();
  gathering.add(message(1));
  gathering.stop();
  await vi.advanceTimersByTimeAsync(1000);
  expect(groups).toEqual([]);
});
