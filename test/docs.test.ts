import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const pages = globSync(['*.md', '{docs,bench,gateway,hub,infra,firmware-stubs,examples,grafana,streams}/**/*.md'], {
  cwd: root,
});

test('every link between pages leads somewhere', () => {
  const broken = pages.flatMap((page) => {
    const links = [...readFileSync(join(root, page), 'utf8').matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)/g)];
    const targets = links.map(([, target]) => target!);
    return targets.filter((target) => !existsSync(resolve(root, dirname(page), target))).map((t) => `${page}: ${t}`);
  });
  expect(broken).toEqual([]);
});

/** As GitHub makes them: lower case, blanks as hyphens, no other signs. */
const anchorsOf = (page: string) =>
  new Set(
    Array.from(readFileSync(join(root, page), 'utf8').matchAll(/^#+ (.*)$/gm), ([, title]) =>
      title!
        .toLowerCase()
        .replaceAll(' ', '-')
        .replaceAll(/[^\p{L}\p{N}_-]/gu, ''),
    ),
  );

test('every link to a section leads to one', () => {
  const broken = pages.flatMap((page) => {
    const links = [...readFileSync(join(root, page), 'utf8').matchAll(/\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)/g)];
    return links
      .map(([, target, anchor]) => [target === '' ? page : join(dirname(page), target!), anchor!] as const)
      .filter(([target, anchor]) => target.endsWith('.md') && !anchorsOf(target).has(anchor))
      .map(([target, anchor]) => `${page}: ${target}#${anchor}`);
  });
  expect(broken).toEqual([]);
});

test('every page of the documentation is found from its index, every decision from theirs', () => {
  const linked = (index: string) =>
    Array.from(readFileSync(join(root, index), 'utf8').matchAll(/\]\(([^)#\s]+)/g), ([, target]) =>
      join(dirname(index), target!),
    );
  const found = new Set(['docs/README.md', 'docs/decisions/README.md', 'docs/runbooks/README.md'].flatMap(linked));
  const others = pages.filter((page) => page.startsWith('docs/') && page !== 'docs/README.md' && !found.has(page));
  expect(others).toEqual([]);
});

test('every test and bench that a page names exists', () => {
  const missing = pages.flatMap((page) => {
    const names = [...readFileSync(join(root, page), 'utf8').matchAll(/`([\w./-]+\/[\w.-]+\.(?:test\.ts|ts))`/g)];
    return names.filter(([, name]) => !existsSync(resolve(root, name!))).map(([, name]) => `${page}: ${name}`);
  });
  expect(missing).toEqual([]);
});
