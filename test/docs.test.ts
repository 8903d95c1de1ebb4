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

test('every test and bench that a page names exists', () => {
  const missing = pages.flatMap((page) => {
    const names = [...readFileSync(join(root, page), 'utf8').matchAll(/`([\w./-]+\/[\w.-]+\.(?:test\.ts|ts))`/g)];
    return names.filter(([, name]) => !existsSync(resolve(root, name!))).map(([, name]) => `${page}: ${name}`);
  });
  expect(missing).toEqual([]);
});
