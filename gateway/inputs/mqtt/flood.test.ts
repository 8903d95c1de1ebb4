import { expect, test, vi } from 'vitest';
import { gateway, NOW } from '../decode/testing.ts';
import { testBrokers } from './testing.ts';

const { open } = testBrokers();
const MIB = 1_024 * 1_024;
const BATCHES = 5;

test.each([
  [
    20,
    'line protocol',
    'influx/x',
    Array.from({ length: 800 }, (_, n) => `cpu,host=logger-${n % 9} usage_idle=${n}.5,usage_user=2 ${NOW}000000`),
  ],
  [4, 'the shortest lines of CSV', 'csv/d', Array(30_000).fill('1')],
])(
  '%i loggers that come back with much of %s are taken as fast as the disk is, and not into memory',
  async (loggers, _name, topic, lines) => {
    const formats = [
      { topic: 'influx/#', format: 'influx', device: 'host' },
      { topic: 'csv/{device}', format: 'csv', columns: ['x'] },
    ];
    const { decoder, submit, submitted, hold } = gateway('[]', { formats });
    const payload = lines.join('\n');
    expect(payload.length).toBeGreaterThan(50_000);
    hold();
    let answered = 0;
    let most = 0;
    const { raw, input } = await open({}, (message) => {
      const receipt = decoder.receive(message, NOW, submit);
      const waiting = submitted.slice(answered).flatMap(({ submission }) => submission.entries);
      const bytes = waiting.reduce((sum, { value }) => sum + value.length, 0);
      most = Math.max(most, bytes);
      return receipt;
    });
    const devices = await Promise.all(Array.from({ length: loggers }, () => raw()));
    for (const [n, device] of devices.entries()) {
      await device.connect({ clientId: `logger-${n}` });
      for (let id = 1; id <= BATCHES; id++) device.publish(1, id, { topic, payload });
    }
    await vi.waitFor(
      () => {
        for (const { answer } of submitted.slice(answered)) {
          answered++;
          answer('stored');
        }
        expect(input.status().messages).toBe(loggers * BATCHES);
      },
      { timeout: 120_000, interval: 1 },
    );
    // What may wait, and the message with which that was reached.
    expect(most).toBeLessThan(12 * MIB);
    for (const device of devices) for (let n = 0; n < BATCHES; n++) await device.next('puback');
  },
  180_000,
);
