/** The examples of own-data.md are what the programs take. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { Account, Device, METRICS, Place, parseConfig, Transaction, WeatherObservation } from '../../contract/index.ts';
import { GatewayConfig } from '../../gateway/config/index.ts';
import { HubConfig } from '../../hub/config/index.ts';

const text = readFileSync(new URL('own-data.md', import.meta.url), 'utf8');
/** What stands in the fenced blocks of a section. */
function blocks(section: string, language: string): string[] {
  const body = text.split(/^## /m).find((part) => part.startsWith(section))!;
  return Array.from(body.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs')), ([, block]) => block!);
}
const minimal = `hub: { id: h, dataDir: d }
kafka: { brokers: [a:1], caFile: c, passwordFiles: { hub: h, sources: s, page: p } }
`;
const hub = (more: string, env = {}) =>
  parseConfig(HubConfig, { text: minimal + more, file: 'hub.yaml', env, prefix: 'HEADWATER_HUB' });

test('the variables that take the place of simulated data are settings', () => {
  const [log, serial] = blocks('On this machine', 'sh').map((line) => /^(\w+)='([^']+)' npm start$/m.exec(line)!);
  expect(hub('', { [log![1]!]: log![2] }).sources.web).toMatchObject([{ file: '/var/log/nginx/access.log' }]);
  const gateway = `gateway: { id: g, site: s }
buffer: { dir: b }
kafka: { brokers: [a:1], caFile: c, passwordFile: p }
`;
  const env = { [serial![1]!]: serial![2] };
  const { inputs } = parseConfig(GatewayConfig, { text: gateway, file: 'g.yaml', env, prefix: 'HEADWATER_GATEWAY' });
  expect(inputs.serial).toMatchObject([{ path: '/dev/ttyUSB0', framing: 'lines' }]);
});

test.each(['A web server', 'Financial', 'The weather outside', 'What is known of devices'])(
  'the sources of "%s…" are settings',
  (section) => {
    const [sources] = blocks(section, 'yaml');
    expect(Object.keys(hub(sources!).sources)).toEqual(expect.arrayContaining(Object.keys(parse(sources!).sources)));
  },
);

test('the records are what the topics hold', () => {
  const lines = (section: string) => blocks(section, 'json').map((line) => JSON.parse(line));
  for (const line of lines('Financial')) expect(Transaction.parse(line)).toEqual(line);
  for (const line of lines('The weather outside')) expect(WeatherObservation.parse(line)).toEqual(line);
  for (const place of parse(blocks('The weather outside', 'yaml')[1]!)) expect(Place.parse(place)).toEqual(place);
  const [, devices, accounts] = blocks('What is known of devices', 'yaml');
  for (const device of parse(devices!)) expect(Device.parse(device)).toEqual(device);
  for (const account of parse(accounts!)) expect(Account.parse(account)).toEqual(account);
});

test('the metrics are those of the contract', () => {
  const rows = [...text.matchAll(/^\| `([\w.]+)` \| `([^`]+)` \| (\S+) to (\S+) \|$/gm)];
  const number = (digits: string) => Number(digits.replaceAll(',', ''));
  expect(
    Object.fromEntries(rows.map(([, name, unit, min, max]) => [name, { unit, min: number(min!), max: number(max!) }])),
  ).toEqual(METRICS);
});
