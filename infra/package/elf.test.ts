import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { stripElf } from './elf.ts';

test.skipIf(process.platform !== 'linux')('a stripped program is smaller and runs as before', () => {
  const program = readFileSync(process.execPath);
  const stripped = stripElf(program);
  expect(stripped.length).toBeLessThan(program.length);
  expect(stripElf(stripped).equals(stripped)).toBe(true);
  const folder = mkdtempSync(join(tmpdir(), 'headwater-elf-'));
  try {
    const file = join(folder, 'node');
    writeFileSync(file, stripped, { mode: 0o755 });
    expect(spawnSync(file, ['--version'], { encoding: 'utf8' }).stdout).toBe(`${process.version}\n`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('what is no program is refused', () => {
  expect(() => stripElf(Buffer.from('#!/bin/sh\n'.padEnd(64)))).toThrow(expect.objectContaining({ code: 'ELF' }));
});
