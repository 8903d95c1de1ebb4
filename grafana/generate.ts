import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { documentation, provisioning } from './files.ts';

// npm run grafana writes the files that Grafana's provisioning reads, and the page that lists the dashboards.
// npm run grafana -- --out DIR --runbooks URL writes them elsewhere, with the address of the runbooks in them.
const root = resolve(import.meta.dirname, '..');
const { values } = parseArgs({ options: { out: { type: 'string' }, runbooks: { type: 'string' } } });
const out = values.out ?? join(root, 'grafana/generated');

if (values.out === undefined) {
  rmSync(out, { recursive: true, force: true });
  write(root, documentation());
}
write(out, provisioning(values.runbooks));

function write(below: string, files: Map<string, string>): void {
  for (const [path, text] of files) {
    mkdirSync(dirname(join(below, path)), { recursive: true });
    writeFileSync(join(below, path), text);
  }
}
