import fc from 'fast-check';
import { expect, test } from 'vitest';
import { packSubmissions, unpackSubmissions } from './protocol.ts';
import type { Submission } from './types.ts';

const client = fc.constantFrom('', 'a', 'b');
const packetId = fc.integer({ min: 1, max: 65_535 });
const entry = fc.record({
  kind: fc.constantFrom('reading' as const, 'rejected' as const),
  alarm: fc.boolean(),
  value: fc.string(),
  ts: fc.integer(),
});
const id = fc.oneof(
  fc.record({ kind: fc.constant('frame' as const), device: fc.string(), boot: fc.string(), number: fc.nat() }),
  fc.record({
    kind: fc.constant('packet' as const),
    client,
    packetId,
    dup: fc.boolean(),
    digest: fc.nat({ max: 2 ** 48 - 1 }),
  }),
  fc.record({ kind: fc.constant('inbound' as const), client, packetId }),
);
const forget = fc.record({ client, packetId }, { requiredKeys: ['client'] });
const submission = fc.record(
  { entries: fc.array(entry, { maxLength: 3 }), id, forget },
  { requiredKeys: ['entries'] },
) as fc.Arbitrary<Submission>;

test('what is packed for the other thread is unpacked there as it was', () => {
  fc.assert(
    fc.property(fc.array(submission), (submissions) => {
      expect(unpackSubmissions(structuredClone(packSubmissions(submissions)))).toEqual(submissions);
    }),
  );
});
