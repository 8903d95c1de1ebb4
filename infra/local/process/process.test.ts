import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { startOf } from './identity.ts';
import { startProcess } from './process.ts';

const dir = mkdtempSync(join(tmpdir(), 'headwater-process-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const run = (script: string, options: Partial<Parameters<typeof startProcess>[0]> = {}) =>
  startProcess({ name: 'sample', command: process.execPath, args: ['-e', script], ...options });

test('comes back once the ready line was printed, with the lines so far', async () => {
  const child = await run(`console.log('starting'); console.error('ready'); setInterval(() => {}, 1000)`, {
    readyWhen: (line) => line === 'ready',
  });
  expect(child.lastLines()).toContain('ready');
  expect(await child.rss()).toBeGreaterThan(1);
  const exit = await child.stop();
  expect(exit).toMatchObject({ signal: 'SIGTERM', requested: true });
  expect(child.peakRss()).toBeGreaterThan(1);
  expect(await child.rss()).toBe(0);
});

test('a process that ends before it is ready is an error with its last words', async () => {
  const start = run(`console.error('no configuration'); process.exit(3)`, { readyWhen: () => false });
  await expect(start).rejects.toMatchObject({
    code: 'PROCESS_ENDED',
    message: expect.stringContaining('exit code 3'),
    details: ['no configuration'],
  });
});

test('a process that never gets ready is stopped', async () => {
  const start = run(`console.log(process.pid); setInterval(() => {}, 1000)`, {
    readyWhen: () => false,
    readyTimeoutMs: 500,
  });
  const error = await start.catch((e) => e);
  expect(error).toMatchObject({ code: 'PROCESS_NOT_READY', retryable: true });
  expect(startOf(Number(error.details[0]))).toBeUndefined();
});

test('a command that does not exist is named', async () => {
  const start = startProcess({ name: 'the pump', command: 'no-such-command', args: [] });
  await expect(start).rejects.toMatchObject({ code: 'PROCESS_NOT_STARTED', message: /the pump.*no-such-command/ });
});

test('a process that ignores SIGTERM is killed after the grace', async () => {
  const child = await run(`process.on('SIGTERM', () => {}); console.log('ready'); setInterval(() => {}, 1000)`, {
    readyWhen: (line) => line === 'ready',
  });
  expect(await child.stop(200)).toMatchObject({ signal: 'SIGKILL', requested: true });
});

test('an end nobody asked for is reported with the last lines', async () => {
  const exits: unknown[] = [];
  const child = await run(`console.log('ready'); setInterval(() => {}, 1000)`, {
    readyWhen: (line) => line === 'ready',
    onExit: (exit) => exits.push(exit),
  });
  child.kill('SIGKILL');
  await child.exited;
  expect(exits).toEqual([{ name: 'sample', code: null, signal: 'SIGKILL', requested: false, lastLines: ['ready'] }]);
});

test('the log file holds this run, and the run before under .1', async () => {
  const logFile = join(dir, 'logs', 'sample.log');
  for (const word of ['first', 'second']) await (await run(`console.log('${word}')`, { logFile })).exited;
  await expect.poll(() => readFileSync(logFile, 'utf8')).toBe('second\n');
  expect(readFileSync(`${logFile}.1`, 'utf8')).toBe('first\n');
});

test('a child does not outlive a parent killed by kill -9', async () => {
  const module = new URL('process.ts', import.meta.url).href;
  const parent = await run(
    `import('${module}').then(async ({ startProcess }) => {
      const child = await startProcess({ name: 'grandchild', command: 'sleep', args: ['600'] });
      console.log('child', child.pid);
    })`,
    { readyWhen: (line) => line.startsWith('child ') },
  );
  const child = Number(parent.lastLines().at(-1)?.split(' ')[1]);
  expect(startOf(child)).toBeDefined();
  parent.kill('SIGKILL');
  while (startOf(child) !== undefined) await sleep(20);
});
