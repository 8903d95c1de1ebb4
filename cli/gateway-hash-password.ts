import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Command } from 'commander';
import { HeadwaterError } from '../contract/index.ts';

export const command = new Command('hash-password')
  .description('make the passwordHash of an MQTT account; the password is read from standard input, or asked for')
  .addHelpText(
    'after',
    `
What it prints stands in the configuration in place of a passwordFile. Blanks and line ends behind the password do not count, as in such a file.

Examples:
  headwater gateway hash-password
  headwater gateway hash-password < pump-1.password`,
  )
  .action(async () => {
    const password = (process.stdin.isTTY ? await askTwice() : await text(process.stdin)).trimEnd();
    if (password === '') throw new HeadwaterError('USAGE', 'there is no password on standard input');
    const { hashPassword } = await import('../gateway/inputs/index.ts');
    process.stdout.write(`${await hashPassword(password)}\n`);
  });

/** Nobody sees a slip of the finger in what is not shown. */
async function askTwice(): Promise<string> {
  const nothing = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: nothing, terminal: true });
  const ended = new Promise<never>((_, reject) =>
    terminal.once('close', () => reject(new HeadwaterError('USAGE', 'no password was typed'))),
  );
  const ask = async (question: string) => {
    process.stderr.write(question);
    const answer = await Promise.race([terminal.question(''), ended]);
    process.stderr.write('\n');
    return answer;
  };
  try {
    const password = await ask('Password: ');
    if ((await ask('Again: ')) !== password) throw new HeadwaterError('USAGE', 'that was not the same password');
    return password;
  } finally {
    ended.catch(() => {});
    terminal.close();
  }
}
