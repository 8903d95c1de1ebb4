// Runs the checks and the test suites and prints the total alone on the last line. `--slow` runs the slower suites instead.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const slow = process.argv.includes('--slow');
const suites = slow ? ['faults', 'conformance', 'deploy'] : ['unit', 'integration', 'browser'];
const reports = mkdtempSync(join(tmpdir(), 'headwater-test-'));
const total = { passed: 0, failed: 0, skipped: 0 };

function run(command: string, args: string[]): boolean {
  const env = { ...process.env, PATH: `${root}node_modules/.bin:${process.env.PATH}` };
  const { status } = spawnSync(join(root, 'node_modules/.bin', command), args, { cwd: root, stdio: 'inherit', env });
  return status === 0;
}

function check(name: string, command: string, args: string[]): void {
  console.log(`\n── ${name}`);
  if (run(command, args)) total.passed++;
  else total.failed++;
}

/** A suite's folder may hold no test yet. */
function isEmpty(suite: string): boolean {
  const dir = join(root, 'test', suite);
  return suite !== 'unit' && !(existsSync(dir) && readdirSync(dir).some((name) => name.endsWith('.test.ts')));
}

function test(suite: string): void {
  if (isEmpty(suite)) return;
  console.log(`\n── ${suite} tests`);
  const file = join(reports, `${suite}.json`);
  // The suites that cross rooms start real servers: one file at a time.
  const serial = suite === 'unit' ? [] : ['--no-file-parallelism'];
  const ok = run('vitest', [
    'run',
    '--project',
    suite,
    ...serial,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
  ]);
  const result = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
  const failed: number = result?.numFailedTests ?? 0;
  total.passed += result?.numPassedTests ?? 0;
  total.skipped += (result?.numPendingTests ?? 0) + (result?.numTodoTests ?? 0);
  // A file that does not load fails without a failed test.
  total.failed += ok ? failed : Math.max(1, failed);
  for (const suiteResult of result?.testResults ?? []) {
    for (const assertion of suiteResult.assertionResults) {
      if (assertion.status === 'pending') console.log(`skipped: ${assertion.fullName}`);
    }
  }
}

if (!slow) {
  check('types', 'tsc', []);
  check('lint and format', 'biome', ['check', '--error-on-warnings']);
}
for (const suite of suites) test(suite);
rmSync(reports, { recursive: true, force: true });
console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`);
process.exit(total.failed > 0 ? 1 : 0);
