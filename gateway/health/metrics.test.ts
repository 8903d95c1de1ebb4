import { execFile } from 'node:child_process';
import { expect, test } from 'vitest';
import { reloadFrom } from '../main.ts';
import { openSite, type Site } from '../testing/index.ts';

const mqtt = '  mqtt: { port: 0, anonymous: true }';

async function scrape(url: string): Promise<string> {
  return (await fetch(`${url}/metrics`)).text();
}

/** What Prometheus's own tool finds wrong. */
function promtool(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile('promtool', ['check', 'metrics'], (error, stdout, stderr) =>
      error && error.code === undefined ? reject(error) : resolve(stdout + stderr),
    );
    child.stdin!.end(text);
  });
}

test('metrics are named and explained by the conventions, in base units', async () => {
  await using site: Site = await openSite();
  site.write(mqtt);
  const gateway = await site.run();
  const lines = (await scrape(gateway.addresses.http!)).split('\n');
  const types = lines.flatMap(
    (line) => (/^# TYPE (headwater_\w+) (\w+)$/.exec(line)?.slice(1, 3) as [string, string] | null) ?? [],
  );
  expect(types.length).toBeGreaterThan(30);
  for (let i = 0; i < types.length; i += 2) {
    const [name, type] = [types[i]!, types[i + 1]!];
    expect(name.endsWith('_total'), name).toBe(type === 'counter');
    expect(name).not.toMatch(/_(ms|milliseconds|minutes|kb|mb|kilobytes|percent|count)(_|$)/);
    expect(lines.find((line) => line.startsWith(`# HELP ${name} `))).toMatch(/[.;] ?[\w ]*\.?$/);
  }
  expect(await promtool(lines.join('\n'))).toBe('');
  for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'process_start_time_seconds']) {
    expect(
      lines.some((line) => line.startsWith(`${name} `)),
      name,
    ).toBe(true);
  }
});

test('an input that a reload took away is not told any more', async () => {
  await using site = await openSite();
  site.write(`${mqtt}\n  host: { every: 1h }`);
  const gateway = await site.run();
  const inputs = async () =>
    (await scrape(gateway.addresses.http!)).match(/(?<=headwater_gateway_input_up\{input=")\w+/g);
  expect(await inputs()).toEqual(['host', 'mqtt']);
  site.write(mqtt);
  await reloadFrom(site.configFile, gateway, site.log);
  expect(await inputs()).toEqual(['mqtt']);
});

test('dead letters that were held back are told', async () => {
  await using site = await openSite();
  site.write(mqtt);
  const gateway = await site.run();
  const device = await site.device(gateway.addresses.mqtt!);
  await Promise.all(Array.from({ length: 105 }, () => device.publishAsync('devices/d/temperature', '?', { qos: 1 })));
  expect(await scrape(gateway.addresses.http!)).toContain('headwater_gateway_dead_letters_held_back_total 5\n');
});
