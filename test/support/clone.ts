import { execFile, execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const root = resolve(import.meta.dirname, '../..');

/** A copy of the checkout, where commands of the documentation run as they stand there. */
export interface Clone {
  readonly dir: string;
  /** Runs a script to its end; gives what it printed. @throws where it fails, with what it said */
  run(script: string): Promise<string>;
  /** Runs one that goes on until it is stopped as Ctrl-C would; resolves at the first line that `ready` finds something in, with that. */
  start(script: string, ready: RegExp): Promise<{ readonly found: string; stop(): Promise<number | null> }>;
  close(): void;
}

/** Dependencies are those of the checkout, so it must have those that it wants: the copy would install anew over them. */
export function makeClone(): Clone {
  const stamp = join(root, 'node_modules/.headwater-lock');
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== readFileSync(join(root, 'package-lock.json'), 'utf8'))
    throw new Error('the dependencies are not up to date: run `npx headwater doctor` first, which installs them');
  const dir = mkdtempSync(join(tmpdir(), 'headwater-clone-'));
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root });
  for (const file of listed.toString().split('\0').filter(Boolean))
    if (existsSync(join(root, file))) cpSync(join(root, file), join(dir, file), { verbatimSymlinks: true });
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'));
  // What runs inside is nothing of this test run.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_ENV$)/.test(name)));
  return {
    dir,
    async run(script) {
      const { stdout } = await promisify(execFile)('bash', ['-ec', script], { cwd: dir, env, timeout: 120_000 });
      return stdout;
    },
    start(script, ready) {
      const child = spawn('bash', ['-ec', script], { cwd: dir, env, stdio: ['ignore', 'pipe', 'pipe'] });
      const ended = new Promise<number | null>((done) => child.on('close', done));
      let said = '';
      return new Promise((done, failed) => {
        for (const stream of [child.stdout, child.stderr])
          stream.on('data', (bytes) => {
            said += bytes;
            const found = ready.exec(said)?.[0];
            if (found !== undefined) done({ found, stop });
          });
        ended.then((code) => failed(new Error(`${script} ended with ${code}:\n${said}`)));
      });

      /** A terminal's Ctrl-C reaches the command itself, whatever stands between. */
      function stop(): Promise<number | null> {
        const pid = execFileSync('pgrep', ['-f', `${dir}/cli/main.ts up`], { encoding: 'utf8' });
        process.kill(Number(pid), 'SIGINT');
        return ended;
      }
    },
    close: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** The fenced blocks of a page, in order: what follows the fence (`sh`, `ts my-jobs/a.ts`) and what stands in it. */
export function blocksOf(page: string): { readonly info: string; readonly text: string }[] {
  const text = readFileSync(join(root, page), 'utf8');
  return Array.from(text.matchAll(/^```([^\n]+)\n(.*?)^```$/gms), ([, info, block]) => ({ info: info!, text: block! }));
}
