import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { workerProperties } from './properties.ts';

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const here = workerProperties({
  brokers: ['127.0.0.1:9092'],
  caPath: '/ca.pem',
  username: 'connect',
  passwordFile: '/secrets/connect.password',
  port: 8083,
  replication: 3,
  secretsDir: '/connect-secrets',
});
/** Of settings that hold no address, place or number of replicas. */
const entries = (text: string) =>
  text
    .split('\n')
    .filter((line) => /^[a-z]/.test(line) && !/listeners|\.advertised|providers|[{/:]|factor=/.test(line));

test.each([
  ['compose', 'compose/connect.properties'],
  ['Ansible', 'ansible/roles/connect/templates/worker.properties.j2'],
])('a worker of %s runs with what one on this machine does', (_, file) => {
  const there = entries(read(file));
  expect(there).toContain('consumer.session.timeout.ms=15000');
  expect(there.sort()).toEqual(entries(here).sort());
});
