import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Silence } from '../../contract/index.ts';
import { compile } from '../../streams/core/index.ts';
import { Bench } from '../../streams/testing/index.ts';
import { silences } from './silences.ts';

const T = Date.UTC(2026, 10, 2, 12);
const at = (second: number) => T + second * 1_000;
const END = 3_600;
/** Longer than it takes to be told, with all that may come between; and shorter than can be told. */
const [LONG, SHORT] = [80, 50];
const WAY_S = 12;

const spans = (maxLength: number) =>
  fc.array(fc.record({ from: fc.integer({ min: 100, max: END }), length: fc.integer({ min: 1, max: 600 }) }), {
    maxLength,
  });
type Spans = readonly { readonly from: number; readonly length: number }[];
const within = (all: Spans, second: number) => all.find(({ from, length }) => second >= from && second < from + length);

/** Gateway gw-1 with three devices that always speak, through its outages and those of the hub. @returns what was told */
function live(outages: Spans, downtimes: Spans, drainS: number): Silence[] {
  const bench = new Bench(compile(silences));
  /** What came while the hub was down. */
  let waiting: (() => void)[] = [];
  const held: (() => void)[] = [];
  let drainedAt = 0;
  let wasDown = false;
  for (let second = 0; second < END + 800; second++) {
    const isDown = within(downtimes, second) !== undefined;
    const isOut = within(outages, second) !== undefined;
    const deliver = (send: () => void) => (isDown ? waiting.push(send) : send());
    const window = (device: string) => () => {
      const series = `gw-1/${device}/temperature`;
      const row = {
        series,
        gateway: 'gw-1',
        device,
        site: 'basel',
        windowStart: at(second - 10),
        windowEnd: at(second),
      };
      bench.send('iot.readings.10s', row, { key: series, appendedAt: at(second) });
    };
    if (wasDown && !isDown) {
      bench.restart();
      for (const send of waiting) send();
      waiting = [];
    }
    if (isOut) drainedAt = second + drainS;
    // From Kafka to a window is a way, too.
    const isHeld = isOut || (drainedAt > 0 && second < drainedAt + WAY_S);
    if (!isHeld) for (const send of held.splice(0)) deliver(send);
    for (const device of ['a', 'b', 'c']) {
      if (second % 10 !== device.charCodeAt(0) % 3) continue;
      if (isHeld) held.push(window(device));
      else deliver(window(device));
    }
    if (second % 5 === 0 && !isOut) {
      const oldestTs = second < drainedAt ? at(drainedAt - drainS - 60) : null;
      const status = { gateway: 'gw-1', site: 'basel', ts: at(second), backlog: { readings: 1, bytes: 1, oldestTs } };
      deliver(() => bench.send('gateways', status, { key: 'gw-1', appendedAt: at(second) }));
    }
    if (!isDown) bench.tick(at(second));
    wasDown = isDown;
  }
  return bench.take<Silence>('iot.silences');
}

test('whatever becomes of a gateway and the hub, devices that always speak are never told silent, and their gateway only while it is', () => {
  const drains = fc.integer({ min: 0, max: 120 });
  fc.assert(
    fc.property(spans(4), spans(3), drains, (outages, downtimes, drainS) => {
      const told = live(outages, downtimes, drainS);
      expect(told.filter(({ cause }) => cause !== 'no-status')).toEqual([]);
      // Silent and back in turn, and back in the end.
      expect(told.map(({ state }) => state)).toEqual(told.map((_, n) => (n % 2 === 0 ? 'silent' : 'back')));
      expect(told.length % 2).toBe(0);
      if (outages.length === 1 && downtimes.length === 0) {
        const { length } = outages[0]!;
        if (length >= LONG) expect(told).toHaveLength(2);
        if (length <= SHORT) expect(told).toEqual([]);
      }
    }),
    { numRuns: 60 },
  );
});
