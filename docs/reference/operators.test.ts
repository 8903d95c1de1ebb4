/** Compiles the examples of operators.md. */
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { expect, test } from 'vitest';
import { TOPICS } from '../../contract/index.ts';
import * as core from '../../streams/core/index.ts';

const text = readFileSync(new URL('operators.md', import.meta.url), 'utf8');
const examples = [...text.matchAll(/```ts\n(.*?)```/gs)].map(([, code], i) => [i + 1, code!] as const);
const scope: Record<string, unknown> = { ...core, TOPICS, reading: core.field, request: core.field };

test.each(examples)('example %i of operators.md compiles', (_, code) => {
  const plain = stripTypeScriptTypes(`const example = ${code}`);
  const example = new Function(...Object.keys(scope), `${plain}; return example;`)(...Object.values(scope));
  expect(core.compile(example).length).toBeGreaterThan(0);
});
