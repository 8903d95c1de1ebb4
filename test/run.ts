// Runs the checks and the test suites and prints the total alone on the last line. `--slow` runs the slower suites instead.
// With HEADWATER_SKIPS=none, as in `.ci/run`, which installs what tests need, a test that is skipped for want of it counts as failed.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const slow = process.argv.includes('--slow');
const suites = slow ? ['faults', 'conformance', 'deploy'] : ['unit', 'integration', 'browser'];
const mayBeSkipped = (name: string): boolean => process.env.HEADWATER_SKIPS !== 'none' || NOT_INSTALLED.test(name);
/** What no package brings. */
const NOT_INSTALLED = /needs (root|\.\.\/shared)|missing: (root|the testmachine tool)/;
const reports = mkdtempSync(join(tmpdir(), 'headwater-test-'));
const total = { passed: 0, failed: 0, skipped: 0 };
const failures: string[] = [];

function run(command: string, args: string[]): boolean {
  const env = { ...process.env, PATH: `${root}node_modules/.bin:${process.env.PATH}` };
  const { status } = spawnSync(join(root, 'node_modules/.bin', command), args, { cwd: root, stdio: 'inherit', env });
  return status === 0;
}

function check(name: string, command: string, args: string[]): void {
  console.log(`\n── ${name}`);
  if (run(command, args)) total.passed++;
  else {
    total.failed++;
    failures.push(name);
  }
}

/** A suite's folder may hold no test yet. */
function isEmpty(suite: string): boolean {
  const dir = join(root, 'test', suite);
  return suite !== 'unit' && !(existsSync(dir) && readdirSync(dir).some((name) => name.endsWith('.test.ts')));
}

/** Why a test failed, in a line: the first two lines of its message and where it was thrown. */
function briefly(assertion: { failureMessages: string[] }): string {
  const lines = (assertion.failureMessages[0] ?? '').split('\n').map((line) => line.trim());
  const where = lines.find((line) => line.startsWith('at ') && line.includes('.test.ts'));
  return [...lines.slice(0, 2), where ?? ''].join(' ').slice(0, 600);
}

function skipped(file: string, name: string): void {
  if (mayBeSkipped(name)) {
    console.log(`skipped: ${name}`);
    total.skipped++;
  } else {
    total.failed++;
    failures.push(`${file} > ${name}: skipped, where it must run`);
  }
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
  // A file that does not load fails without a failed test.
  total.failed += ok ? failed : Math.max(1, failed);
  if (!ok && failed === 0) failures.push(`${suite}: a file that does not load, or an error outside of a test`);
  for (const suiteResult of result?.testResults ?? []) {
    const file = relative(root, suiteResult.name);
    for (const assertion of suiteResult.assertionResults) {
      if (['skipped', 'todo'].includes(assertion.status)) skipped(file, assertion.fullName);
      // Its process ended before it could run, which no other number tells.
      if (assertion.status === 'pending') failures.push(`${file} > ${assertion.fullName}: did not run`);
      if (assertion.status === 'failed') failures.push(`${file} > ${assertion.fullName}: ${briefly(assertion)}`);
    }
  }
}

if (!slow) {
  check('types', 'tsc', []);
  check('lint and format', 'biome', ['check', '--error-on-warnings']);
}
for (const suite of suites) test(suite);
rmSync(reports, { recursive: true, force: true });
// Again at the end, where nobody has to look for them.
for (const failure of failures) console.log(`failed: ${failure}`);
console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`);
process.exit(total.failed > 0 ? 1 : 0);
