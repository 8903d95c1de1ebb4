import { Command } from 'commander';

export const command = new Command('doctor')
  .description('what this machine lacks, and how to get it')
  .option('--json', 'the checks as JSON')
  .action(async (options: { json?: boolean }) => {
    const { checkMachine } = await import('../infra/local/index.ts');
    const checks = await checkMachine();
    if (options.json) process.stdout.write(`${JSON.stringify(checks, undefined, 2)}\n`);
    else {
      for (const { name, ok, required, found, need, install } of checks) {
        const mark = ok ? 'ok     ' : required ? 'MISSING' : 'absent ';
        process.stdout.write(`${mark}  ${name.padEnd(12)} ${found ?? '—'}${ok ? '' : `  (needed: ${need})`}\n`);
        if (!ok && install)
          process.stdout.write(`         Debian: ${install.debian}\n         macOS:  ${install.macos}\n`);
      }
    }
    if (checks.some((check) => check.required && !check.ok)) process.exitCode = 1;
  });
