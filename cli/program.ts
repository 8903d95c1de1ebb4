import { Command, CommanderError } from 'commander';
import { HeadwaterError } from '../contract/index.ts';
import pkg from '../package.json' with { type: 'json' };

const USAGE = new Set(['USAGE', 'CONFIG_INVALID', 'CONFIG_MISSING', 'JOBS_MISSING', 'JOBS_INVALID', 'JOB_INVALID']);

/** Runs the command that the process's arguments name. Exit code 1 is a failure at run time, 2 wrong usage or configuration. */
export async function runProgram(description: string, commands: readonly Command[]): Promise<void> {
  const program = inherit(new Command('headwater').description(description).version(pkg.version));
  for (const command of commands) program.addCommand(inherit(command));
  try {
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : 2;
    } else if (error instanceof HeadwaterError) {
      process.stderr.write(`headwater: ${error.message}\n`);
      for (const line of error.details) process.stderr.write(`  ${line}\n`);
      process.exitCode = USAGE.has(error.code) ? 2 : 1;
    } else {
      process.stderr.write(`headwater: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      process.exitCode = 1;
    }
  }
}

function inherit(command: Command): Command {
  command.showHelpAfterError('(add --help for what this command takes)').exitOverride();
  for (const sub of command.commands) inherit(sub);
  return command;
}
