import { expect, test } from 'vitest';
import { chooseToolchain, isGoNewEnough, requireGo, requireRust } from './toolchain.ts';

test('of the installed toolchains of Rust the default one is taken, else a stable one', () => {
  const newer = 'stable-x86_64-unknown-linux-gnu (active, default)\nnightly-x86_64-unknown-linux-gnu\n';
  expect(chooseToolchain(newer)).toBe('stable-x86_64-unknown-linux-gnu');
  expect(chooseToolchain('1.80.0-aarch64-apple-darwin\nnightly-aarch64-apple-darwin (default)\n')).toBe(
    'nightly-aarch64-apple-darwin',
  );
  expect(chooseToolchain('1.80.0-aarch64-apple-darwin\nstable-aarch64-apple-darwin\n')).toBe(
    'stable-aarch64-apple-darwin',
  );
  expect(chooseToolchain('no installed toolchains\n')).toBeUndefined();
});

test('an old Go is told from a new one', () => {
  expect(isGoNewEnough('go version go1.24.4 linux/amd64')).toBe(true);
  expect(isGoNewEnough('go version go2.0 linux/amd64')).toBe(true);
  expect(isGoNewEnough('go version go1.19.8 linux/amd64')).toBe(false);
  expect(isGoNewEnough('what?')).toBe(false);
});

test('a machine without the tools is told which, and how to get them', async () => {
  const env = { PATH: '/nonexistent' };
  await expect(requireGo(env)).rejects.toMatchObject({
    code: 'GO_MISSING',
    message: expect.stringContaining('sudo apt install golang-go'),
  });
  await expect(requireRust(env)).rejects.toMatchObject({ code: 'CC_MISSING' });
});
