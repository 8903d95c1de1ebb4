import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Agenda } from './agenda.ts';

test('gives what is due, the earliest first and in the order of adding, and keeps the rest', () => {
  const step = fc.record({ due: fc.nat(30), until: fc.option(fc.nat(30), { freq: 1 }) });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const agenda = new Agenda<number>();
      let waiting: { due: number; item: number }[] = [];
      for (const [item, { due, until }] of steps.entries()) {
        agenda.add(due, item);
        waiting.push({ due, item });
        if (until !== null) {
          const over = waiting.filter((one) => one.due <= until).sort((a, b) => a.due - b.due || a.item - b.item);
          expect(agenda.take(until)).toEqual(over.map((one) => one.item));
          waiting = waiting.filter((one) => one.due > until);
        }
        expect(agenda.next).toBe(Math.min(Infinity, ...waiting.map((one) => one.due)));
      }
    }),
  );
});
