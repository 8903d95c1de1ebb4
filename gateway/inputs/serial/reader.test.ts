import { duplexPair } from 'node:stream';
import { expect, test, vi } from 'vitest';
import type { Outcome } from '../../buffer/index.ts';
import { heldReceive } from '../input.contract.ts';
import { DeadLetterRate } from './dead-letter-rate.ts';
import { decodeFrame, encodeFrame } from './frame.ts';
import { type FramingOptions, openFraming } from './framing.ts';
import { openReader } from './reader.ts';

/** An open port whose other end is in the test's hand, at a time that is too. */
function read(framing: FramingOptions['framing'], more: Partial<FramingOptions> & { listens?: boolean } = {}) {
  const [stream, device] = duplexPair();
  const written: Buffer[] = [];
  if (more.listens !== false) device.on('data', (bytes: Buffer) => written.push(bytes));
  const port = { stream, onClosed: () => {}, close: () => {} };
  const time = { now: 0 };
  const counts = { messages: 0, lost: 0, unreadable: 0 };
  const held = heldReceive();
  const health = openReader(port, {
    source: 'serial:test',
    framing: openFraming({ framing, ...more }),
    acknowledge: true,
    receive: held.receive,
    counts,
    rate: new DeadLetterRate(0),
    now: () => time.now,
  });
  return { stream, device, written, time, counts, health, ...held };
}

const reading = (number: number, payload = '{"device":"d","values":{"x":1}}') =>
  encodeFrame({ type: 'reading', boot: 'a1b2c3d4', number, payload: Buffer.from(payload) });

/** Numbers of the frames that an answer acknowledges. */
function acknowledged(written: Buffer[]): number[] {
  return written.map((bytes) => {
    const frame = decodeFrame(bytes.subarray(1, -1));
    if ('code' in frame) throw new Error(frame.reason);
    expect(frame).toMatchObject({ type: 'acknowledgement', boot: 'a1b2c3d4' });
    return frame.number;
  });
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('a frame is acknowledged by a frame, when it is stored or was before, and not when it is refused', async () => {
  const { device, written, messages, answer, counts } = read('cobs');
  for (const number of [1, 2, 3]) device.write(reading(number));
  await vi.waitFor(() => expect(messages).toHaveLength(3));
  expect(written).toEqual([]);
  for (const outcome of ['refused', 'stored', 'duplicate'] satisfies Outcome[]) answer(outcome);
  await vi.waitFor(() => expect(acknowledged(written)).toEqual([2, 3]));
  expect(counts).toEqual({ messages: 3, lost: 0, unreadable: 0 });
});

test('a frame that came whole and says nothing is a dead letter, and is acknowledged: its device would send it for ever', async () => {
  const { device, written, messages, answer } = read('cobs');
  device.write(Buffer.concat([reading(1, '{"values":'), reading(2, '{"values":{}}'), reading(3, '[]')]));
  await vi.waitFor(() => expect(messages).toHaveLength(3));
  for (let i = 0; i < 3; i++) answer('stored');
  await vi.waitFor(() => expect(acknowledged(written)).toEqual([1, 2, 3]));
});

test('one wrong digit in the number of a line does not make those after it look like repeats; a leap that goes on is believed', async () => {
  const { device, written, messages, answer, counts } = read('lines');
  const line = (n: number, boot = 'aa') => `{"device":"d","boot":"${boot}","n":${n},"values":{"x":${n}}}\n`;
  device.write([7_000, 7_001, 47_002, 7_002, 7_003].map((n) => line(n)).join(''));
  // The gateway was away for long: the device repeats what was not acknowledged.
  device.write([9_000, 9_000, 9_001].map((n) => line(n)).join(''));
  device.write(line(1, 'bb'));
  await vi.waitFor(() => expect(messages).toHaveLength(9));
  expect(messages.map(({ frame, problem }) => frame?.number ?? problem?.code)).toEqual([
    ...[7_000, 7_001, 'NUMBER_LEAPS', 7_002, 7_003],
    ...['NUMBER_LEAPS', 9_000, 9_001],
    1,
  ]);
  for (let i = 0; i < 9; i++) answer('stored');
  await vi.waitFor(() =>
    expect(
      Buffer.concat(written)
        .toString()
        .match(/ACK \w+ \d+/g),
    ).toHaveLength(7),
  );
  expect(Buffer.concat(written).toString()).not.toContain('47002');
  expect(counts).toMatchObject({ messages: 9, unreadable: 2, lost: 0 });
});

test('a frame that passes its checksum by chance does not make those after it look like repeats', async () => {
  const { device, written, messages, answer } = read('cobs');
  for (const number of [1, 2, 4_000_000_000, 3, 900, 900]) device.write(reading(number));
  await vi.waitFor(() => expect(messages).toHaveLength(6));
  expect(messages.filter(({ problem }) => problem?.code === 'NUMBER_LEAPS')).toHaveLength(2);
  for (let i = 0; i < 6; i++) answer('stored');
  await vi.waitFor(() => expect(acknowledged(written)).toEqual([1, 2, 3, 900]));
});

test('a device that never reads its answers does not fill the memory with them', async () => {
  const { device, stream, messages, answer } = read('cobs', { listens: false });
  for (let number = 1; number <= 12_000; number++) device.write(reading(number));
  for (let answered = 0; answered < 12_000; answered++) {
    if (answered === messages.length) await vi.waitFor(() => expect(messages.length).toBeGreaterThan(answered));
    answer('stored');
  }
  await settled();
  expect(stream.writableLength).toBeGreaterThan(60_000);
  expect(stream.writableLength).toBeLessThan(70_000);
});

test('a gateway that hears its own acknowledgements says that the line echoes', async () => {
  const { device, messages, answer, written } = read('cobs');
  device.write(encodeFrame({ type: 'acknowledgement', boot: 'a1b2c3d4', number: 1, payload: Buffer.alloc(0) }));
  await vi.waitFor(() => expect(messages).toHaveLength(1));
  expect(messages[0]?.problem?.reason).toMatch(/does the line echo/);
  answer('stored');
  await settled();
  expect(written).toEqual([]);
});

test.each(['lines', 'cobs'] as const)(
  'noise on %s is counted, becomes few dead letters, and does not hide what follows',
  async (framing) => {
    const { device, messages, counts, time } = read(framing);
    const noise = Buffer.from(framing === 'cobs' ? [0, 9, 1, 2, 0] : '#?\n');
    device.write(Buffer.concat(Array.from({ length: 5_000 }, () => noise)));
    await vi.waitFor(() => expect(counts.unreadable).toBe(5_000));
    expect(messages.length).toBeLessThan(30);
    const kept = messages.length;
    time.now = 60_000;
    device.write(noise);
    device.write(framing === 'cobs' ? reading(1) : '{"device":"d","values":{"x":1}}\n');
    await vi.waitFor(() => expect(messages).toHaveLength(kept + 2));
    expect(messages.at(-2)?.problem?.reason).toContain(
      `${5_000 - kept} more unreadable ones since the last dead letter`,
    );
    expect(messages.at(-1)?.problem).toBeUndefined();
    expect(counts).toEqual({ messages: 5_002, unreadable: 5_001, lost: 0 });
  },
);

test('bytes that make nothing valid for ten seconds are said to be of a wrong baud rate, until something valid comes', async () => {
  const { device, time, health } = read('lines');
  for (let second = 0; second <= 12; second++) {
    time.now = second * 1_000;
    device.write(Buffer.from([0xfe, 0x80, 0x06, 0xf8]));
    await settled();
    expect(health() === undefined).toBe(second < 10);
  }
  expect(health()).toBe('no valid line for 12 s, though 52 bytes came: wrong baud rate?');
  device.write('\n{"device":"d","values":{"x":1}}\n');
  await vi.waitFor(() => expect(health()).toBeUndefined());
});

test('half a line at first and a long pause are not a wrong baud rate', async () => {
  const { device, time, health } = read('lines');
  device.write('s":{"x":1}}\n');
  await settled();
  time.now = 60_000;
  expect(health()).toBeUndefined();
});

test('a line without a device is of the device that the configuration names', async () => {
  const { device, messages } = read('lines', { device: 'boiler-1' });
  device.write('{"values":{"x":1}}\n{"device":"other","values":{"x":1}}\n');
  await vi.waitFor(() => expect(messages).toHaveLength(2));
  expect(messages.map(({ fields }) => fields?.device)).toEqual(['boiler-1', 'other']);
});

test('a CSV row with a boot id and a number is acknowledged, one without is lost when it is refused', async () => {
  const csv = {
    columns: ['b', 'n', 'x'],
    boot: 'b',
    number: 'n',
    separator: ',',
    timeFormat: 'ms' as const,
    ignore: [],
    units: {},
  };
  const { device, messages, answer, written, counts } = read('csv', { device: 'd', csv });
  device.write('b,n,x\naa,1,20\naa,2,21\n,,22\n');
  await vi.waitFor(() => expect(messages).toHaveLength(3));
  for (const outcome of ['stored', 'refused', 'refused'] satisfies Outcome[]) answer(outcome);
  await vi.waitFor(() => expect(Buffer.concat(written).toString()).toBe('ACK aa 1\n'));
  await vi.waitFor(() => expect(counts.lost).toBe(1));
});
