import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const launch = fileURLToPath(new URL('../../cli/launch.mjs', import.meta.url));
let dir: string;
let countedAtFirst = 0;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'headwater-up-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(args: string[], onLine: (line: string, child: ChildProcess) => void = () => {}): Promise<Ended> {
  const child = spawn(process.execPath, [launch, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (bytes) => {
    stdout += bytes;
  });
  child.stderr.on('data', (bytes) => {
    stderr += bytes;
    for (const line of String(bytes).split('\n')) onLine(line, child);
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })));
}

/** Processes that have the platform's folder in their command line. */
function left(): string[] {
  const lines = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).split('\n');
  return lines.filter((line) => line.includes(dir) && !line.startsWith('ps '));
}

const up = ['up', '--json', '--port', '0', '--devices', '6'];

test('the platform runs for a while, loses nothing, and says so in one JSON object', async () => {
  const { code, stdout, stderr } = await run([...up, '--data', dir, '--fresh', '--for', '25s']);
  expect(code, stderr).toBe(0);
  const figures = JSON.parse(stdout);
  expect(figures).toEqual({
    readings: {
      acknowledged: expect.any(Number),
      forwarded: figures.readings.acknowledged,
      counted: figures.readings.acknowledged,
      lost: 0,
      duplicatesDropped: expect.any(Number),
    },
    windows: expect.any(Number),
    anomalies: expect.any(Number),
    deadLetters: expect.any(Number),
    latencyMs: { p50: expect.any(Number), p99: expect.any(Number) },
    firstChartMs: expect.any(Number),
    peakMemoryMb: expect.objectContaining({
      gateway: expect.any(Number),
      hub: expect.any(Number),
      'kafka-1': expect.any(Number),
    }),
    restarts: { simulators: 0, gateway: 0, hub: 0 },
  });
  expect(figures.readings.acknowledged).toBeGreaterThan(100);
  expect(figures.windows).toBeGreaterThan(10);
  expect(left()).toEqual([]);
  countedAtFirst = figures.readings.counted;
});

test('the next start goes on with the data of the last, and Ctrl-C stops every child', async () => {
  let first: Promise<{ readings: { counted: number } }> | undefined;
  const { code, stderr } = await run(['up', '--port', '0', '--devices', '6', '--data', dir], (line, child) => {
    const page = /ready: open (\S+)/.exec(line)?.[1];
    if (page === undefined) return;
    first = summary(page).finally(() => child.kill('SIGINT'));
  });
  expect((await first!).readings.counted).toBeGreaterThanOrEqual(countedAtFirst);
  expect(code, stderr).toBe(0);
  expect(left()).toEqual([]);
});

async function summary(page: string): Promise<{ readings: { counted: number } }> {
  return (await (await fetch(`${page}/api/summary`)).json()) as { readings: { counted: number } };
}

test('every secret lies in a file that only its owner reads, and in no log', () => {
  const files = globSync('**/*', { cwd: dir }).map((name) => join(dir, name));
  const secrets = files.filter((file) => /\.(password|token|key)$|\/secrets\/[^/]+$/.test(file));
  expect(secrets.length).toBeGreaterThan(8);
  const logs = files.filter(
    (file) => /\.log(\.1)?$/.test(file) && !file.includes('/data/') && !file.endsWith('/access.log'),
  );
  expect(logs.length).toBeGreaterThan(5);
  const texts = logs.map((file) => readFileSync(file, 'utf8'));
  for (const file of secrets) {
    expect(statSync(file).mode & 0o777, file).toBe(0o600);
    const secret = readFileSync(file, 'utf8').trim();
    // Of a key in PEM a line would be enough.
    const [piece] = secret.split('\n').filter((line) => !line.startsWith('-----'));
    expect(piece!.length, file).toBeGreaterThan(7);
    expect(
      logs.filter((_, i) => texts[i]!.includes(piece!)),
      file,
    ).toEqual([]);
  }
});

test('the gateway and the hub log JSON, one object a line, with time, level, name and what happened', () => {
  for (const name of ['gateway', 'hub']) {
    for (const file of globSync(`logs/${name}.log*`, { cwd: dir })) {
      const lines = readFileSync(join(dir, file), 'utf8').trim().split('\n');
      for (const line of lines) {
        const { level, time, name: from, msg } = JSON.parse(line);
        expect([typeof level, typeof time, from, typeof msg], line).toEqual(['number', 'number', name, 'string']);
      }
    }
  }
});

test('a second start on the same folder is refused with the process that has it', async () => {
  let second: Promise<Ended> | undefined;
  await run(['up', '--port', '0', '--devices', '2', '--data', dir], (line, child) => {
    if (!line.includes('ready: open') || second) return;
    second = run(['up', '--port', '0', '--data', dir]);
    second.then(() => child.kill('SIGINT'));
  });
  const { code, stderr } = await second!;
  expect(code).toBe(1);
  expect(stderr).toMatch(/in use by process \d+/);
});

test.each([
  [['up', '--brokers', '2'], /Allowed choices are 1, 3/],
  [['up', '--for', 'soon'], /"soon" is not a time/],
  [['up', '--reset-step', 'nothing'], /there is no step nothing to reset\. There are: intake, /],
  [['up', '--jobs', '/nowhere.ts'], /there is no file \/nowhere\.ts/],
  [['topics', 'plan', '--config', '/nowhere.yaml'], /does not exist/],
  [['bench', 'nothing'], /there is no bench/],
  [['no-such-command'], /unknown command/],
])('wrong usage %j is refused with exit code 2', async (args, message) => {
  const { code, stderr } = await run(args);
  expect(stderr).toMatch(message);
  expect(code).toBe(2);
});
