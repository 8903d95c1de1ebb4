import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { decodeFrame, encodeFrame, type Frame } from '../../gateway/inputs/serial/frame.ts';
import { Splitter } from '../../gateway/inputs/serial/splitter.ts';

const out = mkdtempSync(join(tmpdir(), 'frames-'));
afterAll(() => rmSync(out, { recursive: true }));

const has = (command: string) => spawnSync(command, ['--version']).status === 0;
const canBuild = has('gcc') && has('make');

function build(name: string): string {
  const program = join(out, name);
  execFileSync('make', ['-s', `OUT=${program}`, program], { cwd: import.meta.dirname });
  return program;
}

test.skipIf(!canBuild)('the C library passes its own tests (needs gcc and make)', () => {
  const { status, stderr } = spawnSync(build('frames-test'), { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(status).toBe(0);
});

test.skipIf(!canBuild)('C reads what TypeScript writes, and the other way round (needs gcc and make)', () => {
  const frames: fc.Arbitrary<Frame> = fc.record({
    type: fc.constantFrom('reading' as const, 'acknowledgement' as const),
    boot: fc.integer({ min: 0, max: 0xffffffff }).map((boot) => boot.toString(16).padStart(8, '0')),
    number: fc.integer({ min: 1, max: 0xffffffff }),
    // Zeros are common in some, and absent from others: both are where an encoder goes wrong.
    payload: fc
      .oneof(fc.uint8Array({ maxLength: 900 }), fc.array(fc.integer({ min: 1, max: 2 }), { maxLength: 900 }))
      .map((bytes) => Buffer.from(bytes)),
  });
  const echo = build('echo');
  fc.assert(
    fc.property(fc.array(frames, { minLength: 20, maxLength: 60 }), (sent) => {
      const { stdout, stderr } = spawnSync(echo, { input: Buffer.concat(sent.map(encodeFrame)) });
      expect(stderr.toString()).toBe('');
      expect(stdout).toEqual(Buffer.concat(sent.map(encodeFrame)));
      const received: unknown[] = [];
      new Splitter(0, 1_024, (part) => received.push(decodeFrame(part))).push(stdout);
      expect(received).toEqual(sent);
    }),
    { numRuns: 30 },
  );
});
