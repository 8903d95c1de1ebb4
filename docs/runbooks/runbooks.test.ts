import { readdirSync, readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { loadRules } from '../../hub/alerts/index.ts';

const pages = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.md'));
const read = (page: string) => readFileSync(new URL(page, import.meta.url), 'utf8');
const PARTS = ['What it means', 'Look at first', 'Likely causes', 'What to do', 'When to raise the limit'];
/** What every Debian has, besides our own. */
const TOOLS = ['systemctl', 'journalctl', 'df', 'du', 'sort', 'tail', 'openssl', 'ping', 'timedatectl'];

test('every rule has a runbook, and every runbook a rule and a line in the list', () => {
  const ids = loadRules().map(({ id }) => id);
  expect(pages.filter((page) => page !== 'README.md').sort()).toEqual(ids.map((id) => `${id}.md`).sort());
  for (const id of ids) expect(read('README.md')).toContain(`(${id}.md) (\`${id}\`)`);
});

test('every runbook says what it means, where to look, why, what to do and when to raise the limit', () => {
  for (const { id } of loadRules()) {
    const text = read(`${id}.md`);
    expect(
      [...text.matchAll(/^## (.*)$/gm)].map(([, title]) => title),
      id,
    ).toEqual(PARTS);
    expect(text, id).toContain(`Rule \`${id}\`.`);
    // Where to look is a dashboard or a command that can be typed as it stands.
    expect(text, id).toMatch(/```sh\n[\s\S]*```/);
  }
});

test('every command in a runbook exists, with its options', async () => {
  for (const page of pages) {
    const text = read(page);
    const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, lines]) => lines!.trim().split('\n'));
    const inline = [
      ...text.matchAll(/`((?:sudo |headwater|systemctl |journalctl |df |timedatectl|ping)[^`\n]*)`/g),
    ].map(([, of]) => of!);
    for (const line of [...blocks, ...inline]) {
      for (const part of line.split(' | ')) {
        const [program, ...words] = part.replace(/^sudo /, '').split(/\s+/);
        if (program === 'headwater' || program === 'headwater-gateway') await known(words, `${page}: ${line}`);
        else expect(TOOLS, `${page}: ${line}`).toContain(program);
      }
    }
  }
});

async function known([name, ...words]: string[], place: string): Promise<void> {
  if (name === undefined) return;
  const { command } = (await import(`../../cli/${name}.ts`)) as { command: Command };
  const sub = command.commands.find((of) => of.name() === words[0]) ?? command;
  if (command.commands.length > 0) expect(sub, place).not.toBe(command);
  const options = sub.options.map(({ long }) => long);
  for (const word of words) if (word.startsWith('--')) expect(options, place).toContain(word);
}
