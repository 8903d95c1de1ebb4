import fc from 'fast-check';
import { test } from 'vitest';
import { MAX_AGE_MS, ModelledBuffer, type Policy, TwoClocks } from './model.fixture.ts';
import { folder, forget, frame, inbound, reading } from './testing.ts';
import type { DeviceId, Submission } from './types.ts';

/** How long each policy is tried; a failure prints the seed and the path that repeat it. */
const TIME_LIMIT_MS = 8_000;

const lane = fc.nat({ max: 2 });
const id: fc.Arbitrary<DeviceId | undefined> = fc.oneof(
  fc.constant(undefined),
  fc
    .tuple(fc.integer({ min: 1, max: 1500 }), fc.constantFrom('mc-1', 'mc-2'))
    .map(([number, device]) => frame(number, device)),
  fc
    .tuple(fc.integer({ min: 1, max: 20 }), fc.constantFrom('c-1', 'c-2'))
    .map(([number, client]) => inbound(number, client)),
);
const message: fc.Arbitrary<(unique: () => number) => Submission> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .record({
        alarms: fc.array(fc.boolean(), { maxLength: 3 }),
        size: fc.oneof({ weight: 5, arbitrary: fc.nat({ max: 500 }) }, fc.nat({ max: 30_000 })),
        id,
      })
      .map(({ alarms, size, id }) => (unique: () => number) => ({
        entries: alarms.map((alarm) => reading(`${unique()} ${'x'.repeat(size)}`, alarm)),
        ...(id && { id }),
      })),
  },
  fc
    .record({
      packetId: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
      client: fc.constantFrom('c-1', 'c-2'),
    })
    .map(
      ({ packetId, client }) =>
        () =>
          forget(packetId, client),
    ),
);

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('submit' as const), messages: fc.array(message, { maxLength: 25 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('peek' as const), lane, records: fc.integer({ min: 1, max: 60 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('release' as const),
      lane,
      percent: fc.nat({ max: 100 }),
    }),
  },
  fc.record({ do: fc.constant('reopen' as const), how: fc.constantFrom('closed' as const, 'killed' as const) }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.oneof(fc.nat({ max: 15_000 }), fc.nat({ max: MAX_AGE_MS })) }),
  fc.record({ do: fc.constant('jump' as const), ms: fc.integer({ min: -10 * MAX_AGE_MS, max: MAX_AGE_MS }) }),
  fc.record({ do: fc.constant('idle' as const) }),
);

for (const policy of ['reject-new', 'drop-oldest'] satisfies Policy[]) {
  test(`whatever is submitted, sent, waited for, killed and reopened, the buffer does as its model does (${policy})`, () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 80, size: 'max' }), (steps) => {
        using dir = folder({ inMemory: true });
        const clock = new TwoClocks();
        const buffer = new ModelledBuffer(dir, policy, clock);
        let unique = 0;
        for (const step of steps) {
          if (step.do === 'submit') buffer.submit(step.messages.map((make) => make(() => ++unique)));
          else if (step.do === 'peek') buffer.peek(step.lane, step.records);
          else if (step.do === 'release') buffer.release(step.lane, step.percent / 100);
          else if (step.do === 'reopen') buffer.reopen(step.how);
          else if (step.do === 'idle') buffer.idle();
          else {
            clock.wallMs += step.ms;
            if (step.do === 'wait') clock.monotonicMs += step.ms;
          }
        }
        buffer.close();
      }),
      { numRuns: 10_000, interruptAfterTimeLimit: TIME_LIMIT_MS, endOnFailure: false },
    );
  });
}
