import { Command, CommanderError } from 'commander';
import { HeadwaterError } from '../contract/index.ts';

const program = new Command('headwater')
  .description('An edge IoT gateway and a streaming analytics hub.')
  .version('0.1.0')
  .showHelpAfterError('(add --help for what this command takes)')
  .exitOverride();

for (const command of await commands()) program.addCommand(command);

/** Each command imports its room only when it runs. */
async function commands(): Promise<Command[]> {
  const files = await Promise.all([
    import('./up.ts'),
    import('./gateway.ts'),
    import('./hub.ts'),
    import('./simulate.ts'),
    import('./topics.ts'),
    import('./detect.ts'),
    import('./doctor.ts'),
    import('./bench.ts'),
  ]);
  return files.map((file) => inherit(file.command));
}

function inherit(command: Command): Command {
  command.showHelpAfterError('(add --help for what this command takes)').exitOverride();
  for (const sub of command.commands) inherit(sub);
  return command;
}

const USAGE = new Set(['USAGE', 'CONFIG_INVALID', 'CONFIG_MISSING']);

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
