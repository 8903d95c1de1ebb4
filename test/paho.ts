// `npm run paho -- DIR`: the MQTT 3.1.1 interoperability suite of Eclipse Paho, checked out in DIR, against the embedded broker. Its programs speak to
// port 1883 of this machine, which has to be free.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { loadGatewayConfig } from '../gateway/config/index.ts';
import { runGateway } from '../gateway/main.ts';
import { openAuthority } from '../infra/local/index.ts';

const suite = process.argv[2];
if (suite === undefined) throw new Error('name the folder of the suite: npm run paho -- DIR');
const dir = mkdtempSync(join(tmpdir(), 'headwater-paho-'));
try {
  const authority = await openAuthority(join(dir, 'pki'));
  writeFileSync(join(dir, 'ca.pem'), authority.ca);
  writeFileSync(join(dir, 'password'), 'Kafka is away');
  const howTo = readFileSync(new URL('../docs/how-to/mqtt.md', import.meta.url), 'utf8');
  const [, settings] = /interoperability suite.*?```yaml\n(.*?)```/s.exec(howTo)!;
  const minimal = {
    gateway: { id: 'gw-1', site: 'plant' },
    buffer: { dir: 'buffer' },
    kafka: { brokers: ['127.0.0.1:9'], caFile: 'ca.pem', passwordFile: 'password' },
    http: { port: 0 },
  };
  writeFileSync(join(dir, 'gateway.yaml'), stringify({ ...minimal, ...parse(settings!) }));
  const log = { debug: () => {}, info: () => {}, warn: () => {} };
  const gateway = await runGateway(loadGatewayConfig(join(dir, 'gateway.yaml'), {}), { log });
  const tests = spawn('python3', ['client_test.py'], { cwd: join(suite, 'interoperability'), stdio: 'inherit' });
  [process.exitCode] = await once(tests, 'close');
  await gateway.close();
} finally {
  rmSync(dir, { recursive: true });
}
