import { expect, test } from 'vitest';
import { Reading, Rejected } from '../../../contract/index.ts';
import type { Message } from '../input.ts';
import { Decoder } from './decode.ts';

const NOW = 1_800_000_000_000;
const decoder = () => new Decoder({ gateway: 'gw-1', site: 'plant' });
const line = (value: unknown, more: Partial<Message> = {}): Message => ({
  source: 'serial:/dev/ttyUSB0',
  payload: Buffer.from(JSON.stringify(value)),
  ...more,
});

test('makes one reading of each value, valid by the contract', () => {
  const submission = decoder().decode(line({ device: 'd', values: { temperature: 21.5, flow: 1e21 } }), NOW);
  expect(submission.entries.map((entry) => Reading.parse(JSON.parse(entry.value)))).toEqual([
    {
      device: 'd',
      gateway: 'gw-1',
      site: 'plant',
      metric: 'temperature',
      value: 21.5,
      unit: 'Cel',
      ts: NOW,
      receivedAt: NOW,
    },
    { device: 'd', gateway: 'gw-1', site: 'plant', metric: 'flow', value: 1e21, unit: '1', ts: NOW, receivedAt: NOW },
  ]);
});

test('a unit with a quote in it stays one string', () => {
  const { entries } = decoder().decode(line({ device: 'd', values: { length: 1 }, units: { length: '"[in]\\' } }), NOW);
  expect(Reading.parse(JSON.parse(entries[0]!.value)).unit).toBe('"[in]\\');
});

test('a bad value becomes a dead letter beside the good ones, with its origin and bytes', () => {
  const message = line({ values: { temperature: 20, humidity: 130 } }, { source: 'mqtt', topic: 'devices/d' });
  const { entries } = decoder().decode(message, NOW);
  expect(entries.map((entry) => entry.kind)).toEqual(['reading', 'rejected']);
  expect(Rejected.parse(JSON.parse(entries[1]!.value))).toEqual({
    origin: 'mqtt:devices/d',
    code: 'VALUE_OUT_OF_RANGE',
    reason: 'humidity 130 % is outside 0…100',
    bytes: message.payload.toString('base64'),
    receivedAt: NOW,
  });
});

test('a dead letter keeps at most 4 KiB of the message', () => {
  const { entries } = decoder().decode({ source: 'mqtt', topic: 'x', payload: Buffer.alloc(9_000) }, NOW);
  expect(Buffer.from(Rejected.parse(JSON.parse(entries[0]!.value)).bytes, 'base64')).toHaveLength(4_096);
});

test('is known again by its frame, else by its packet', () => {
  const packet = { client: 'c', packetId: 7, dup: true };
  const framed = line({ device: 'd', boot: 'aa', n: 3, values: { x: 1 } }, { packet });
  expect(decoder().decode(framed, NOW).id).toEqual({ kind: 'frame', device: 'd', boot: 'aa', number: 3 });

  const digests = ['1', '2', '1'].map((text) => {
    const { id } = decoder().decode({ source: 'mqtt', topic: 'devices/d/x', payload: Buffer.from(text), packet }, NOW);
    return id?.kind === 'packet' ? id.digest : undefined;
  });
  expect(digests[0]).toBe(digests[2]);
  expect(digests[0]).not.toBe(digests[1]);
  expect(decoder().decode(line({ device: 'd', values: { x: 1 } }), NOW).id).toBeUndefined();
});

test('a frame that came whole is known again even when it says nothing: by its line', () => {
  const frame = { boot: 'a1b2c3d4', number: 3 };
  const message = { source: 'serial:usb-0403:6001', payload: Buffer.from('{"val'), frame };
  const problem = { code: 'NOT_JSON', reason: 'payload of the frame is not JSON' };
  const { id, entries } = decoder().decode({ ...message, problem }, NOW);
  expect(id).toEqual({ kind: 'frame', device: 'serial:usb-0403:6001', ...frame });
  expect(entries.map(({ kind }) => kind)).toEqual(['rejected']);
});

test('fields that an input took apart are read like a JSON line, and the frame is the one around them', () => {
  const fields = { device: 'd', values: { temperature: 21.5 } };
  const frame = { boot: 'a1b2c3d4', number: 3 };
  const { id, entries } = decoder().decode({ source: 'serial:x', payload: Buffer.from('21.5'), fields, frame }, NOW);
  expect(id).toEqual({ kind: 'frame', device: 'd', ...frame });
  expect(Reading.parse(JSON.parse(entries[0]!.value))).toMatchObject({ device: 'd', value: 21.5 });
});

test('flags the alarm and the gateway clock that was not set', () => {
  const { entries } = decoder().decode(line({ device: 'd', alarm: true, values: { x: 1 } }), NOW, 'later');
  expect(entries[0]).toMatchObject({ alarm: true, ts: NOW });
  expect(JSON.parse(entries[0]!.value)).toMatchObject({ clock: 'unset' });
});

test.each([
  ['what nothing had set showed', 'shown', 48, 48],
  ['what nothing had set showed, unless that is years away', 'shown', -20_000, 0],
  ['the latest that it can have been', 'latest', -48, -48],
  ['the latest that it can have been, unless that is after it', 'latest', 1, 0],
] as const)('keeps the time of a device where the time of receipt is %s', (_name, time, hours, expected) => {
  const ts = NOW + hours * 3_600_000;
  for (const sentAt of [undefined, ts + 1_000]) {
    const { entries } = decoder().decode(line({ device: 'd', ts, sentAt, values: { x: 1 } }), NOW, time);
    const kept = { ts: NOW + expected * 3_600_000, receivedAt: NOW, clock: 'unset' };
    expect(JSON.parse(entries[0]!.value)).toMatchObject(kept);
  }
});

test('does not trust sentAt in a packet that is sent again', () => {
  const stale = { ts: NOW - 7_200_000, sentAt: NOW - 3_600_000, values: { x: 1 } };
  const packet = { client: 'c', packetId: 7, dup: true };
  const { entries } = decoder().decode(line(stale, { source: 'mqtt', topic: 'devices/d', packet }), NOW);
  expect(JSON.parse(entries[0]!.value)).toMatchObject({ ts: NOW - 7_200_000, clock: 'suspect' });
});

test('a new boot starts with nothing known of the clock, and lost frames add up over boots', () => {
  const target = decoder();
  const send = (boot: string, n: number, ts: number, lost: number) =>
    JSON.parse(target.decode(line({ device: 'd', boot, n, ts, lost, values: { x: 1 } }), NOW).entries[0]!.value);
  expect(send('aa', 1, NOW + 3_600_000, 0).clock).toBe('corrected');
  expect(send('aa', 2, NOW, 2).clock).toBe('suspect');
  expect(send('bb', 1, NOW, 1).clock).toBeUndefined();
  expect(send('bb', 2, NOW, 3).clock).toBeUndefined();
  expect(target.framesLost).toBe(5);
});
