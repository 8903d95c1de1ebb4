import { createServer, type Socket } from 'node:net';
import { expect, test, vi } from 'vitest';
import type { Gateway } from './main.ts';
import { changedPaths, reloadFrom } from './reload.ts';
import { openSite, type Site, unusedPort } from './testing/index.ts';

const account = (name: string) => `{ username: ${name}, passwordFile: ${name}.password }`;
const mqtt = (accounts: string, more = '') => `  mqtt: { port: 0, accounts: [${accounts}]${more} }`;

async function open(inputs: string): Promise<{ site: Site; gateway: Gateway; reload: () => Promise<unknown> }> {
  const site = await openSite();
  for (const name of ['ann', 'bob']) site.file(`${name}.password`, name);
  site.write(inputs);
  const gateway = await site.run();
  return { site, gateway, reload: () => reloadFrom(site.configFile, gateway, site.log) };
}

/** A serial line behind a network server. */
async function openLine() {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as { port: number };
  return {
    section: (more = '') => `    - { path: "tcp://127.0.0.1:${port}"${more} }`,
    sockets,
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

const inputsOf = async (gateway: Gateway) =>
  (await gateway.status()).status.inputs.map(({ name, state }) => `${name} ${state}`);

test('a connected MQTT session stays through a reload that changes the accounts, and only who lost the account is cut off', async () => {
  const { site, gateway, reload } = await open(mqtt(`${account('ann')}, ${account('bob')}`));
  await using _ = site;
  const url = gateway.addresses.mqtt!;
  const [ann, bob] = await Promise.all(
    ['ann', 'bob'].map((name) => site.device(url, { username: name, password: name })),
  );
  const lost = vi.fn();
  ann!.on('close', lost);
  const bobIsOut = new Promise<void>((resolve) => bob!.once('close', () => resolve()));

  site.file('cyd.password', 'cyd');
  site.write(mqtt(`${account('ann')}, ${account('cyd')}`, ', maxClients: 7'));
  expect(await reload()).toBeDefined();
  await bobIsOut;
  await site.device(url, { username: 'cyd', password: 'cyd' });
  await ann!.publishAsync('devices/ann/x', '1', { qos: 1 });
  expect(lost).not.toHaveBeenCalled();
  await expect(site.device(url, { username: 'bob', password: 'bob' })).rejects.toMatchObject({ code: 4 });
});

test('a serial port is added and another taken away while the rest keep their connections', async () => {
  using first = await openLine();
  using second = await openLine();
  using third = await openLine();
  const { site, gateway, reload } = await open(
    `${mqtt(account('ann'))}\n  serial:\n${first.section()}\n${second.section()}`,
  );
  await using _ = site;
  await vi.waitFor(() => expect([first, second].map(({ sockets }) => sockets.length)).toEqual([1, 1]));
  const device = await site.device(gateway.addresses.mqtt!, { username: 'ann', password: 'ann' });
  const gone = new Promise<void>((resolve) => second.sockets[0]!.once('close', () => resolve()));

  site.write(`${mqtt(account('ann'))}\n  serial:\n${third.section()}\n${first.section()}`);
  await reload();
  await gone;
  await vi.waitFor(() => expect(third.sockets).toHaveLength(1));
  third.sockets[0]!.write('{"device":"mc-1","values":{"x":1}}\n');
  await vi.waitFor(async () => expect((await gateway.status()).status.counts.acknowledged).toBe(1));
  expect(first.sockets).toHaveLength(1);
  expect(device.connected).toBe(true);
  expect((await inputsOf(gateway)).filter((input) => input.endsWith('ok'))).toHaveLength(3);
});

test('how messages are read changes without the port being opened again', async () => {
  using line = await openLine();
  const { site, gateway, reload } = await open(`  serial:\n${line.section()}`);
  await using _ = site;
  await vi.waitFor(() => expect(line.sockets).toHaveLength(1));
  site.write(`  serial:\n${line.section(', transform: [{ drop: { below: 10 } }]')}`);
  await reload();
  expect(site.warnings).toEqual([]);
  line.sockets[0]!.write('{"device":"mc-1","values":{"x":1}}\n{"device":"mc-1","values":{"x":20}}\n');
  await vi.waitFor(async () => expect((await gateway.status()).inputs[0]!.messages).toBe(2));
  await vi.waitFor(async () => expect((await gateway.status()).status.counts.acknowledged).toBe(1));
  expect(line.sockets).toHaveLength(1);
});

test.each([
  ['is not valid', '  mqtt: { port: 99999, colour: blue }', ['inputs.mqtt.port', 'inputs.mqtt.colour', 'accounts']],
  ['names a file that is not there', mqtt(account('nobody')), ['nobody.password']],
  ['is no YAML', '  mqtt: [', ['line']],
])('where the configuration %s every problem is told, and everything stays as it was', async (_name, wrong, told) => {
  const { site, gateway, reload } = await open(mqtt(account('ann')));
  await using _ = site;
  const device = await site.device(gateway.addresses.mqtt!, { username: 'ann', password: 'ann' });
  site.write(wrong);
  expect(await reload()).toBe(undefined);
  for (const part of told) expect(site.warnings.join('\n')).toContain(part);
  await device.publishAsync('devices/ann/x', '1', { qos: 1 });
  expect(await inputsOf(gateway)).toEqual(['mqtt ok']);
});

test('what only a restart can change is named each time until it was restarted, and the rest is taken over', async () => {
  const { site, gateway, reload } = await open(mqtt(account('ann')));
  await using _ = site;
  const port = await unusedPort();
  const changed = `  mqtt: { port: ${port}, accounts: [${account('bob')}] }\n  host: { every: 1h }`;
  for (let twice = 0; twice < 2; twice++) {
    site.write(changed);
    process.env.HEADWATER_GATEWAY__GATEWAY__ID = 'gw-2';
    await reload().finally(() => delete process.env.HEADWATER_GATEWAY__GATEWAY__ID);
    const names = site.warnings.splice(0).map((warning) => warning.split(' ')[0]);
    expect(names).toEqual(['gateway.id', 'inputs.mqtt.port']);
  }
  await site.device(gateway.addresses.mqtt!, { username: 'bob', password: 'bob' });
  await vi.waitFor(async () => expect(await inputsOf(gateway)).toEqual(['mqtt ok', 'host ok']));
  expect((await gateway.status()).status.gateway).toBe('gw-1');
});

test.each<[string, (site: Site, gateway: Gateway, reload: () => Promise<unknown>) => Promise<unknown>]>([
  ['the next reload', (_site, _gateway, reload) => reload()],
  [
    'a change of its files',
    (site, gateway) => {
      site.file('ann.password', 'another');
      return gateway.checkFiles();
    },
  ],
])(
  'an input that cannot be started stands as failed with the reason, and is tried again by %s',
  async (_name, again) => {
    const blocker = createServer();
    await new Promise<void>((listening) => blocker.listen(0, '127.0.0.1', listening));
    const { port } = blocker.address() as { port: number };
    const { site, gateway, reload } = await open('  host: { every: 1h }');
    await using _ = site;
    site.write(`  host: { every: 1h }\n  mqtt: { port: ${port}, accounts: [${account('ann')}] }`);
    await reload();
    await gateway.checkFiles();
    const { health } = await gateway.status();
    expect(health).toMatchObject({
      state: 'failing',
      reasons: expect.arrayContaining([expect.stringContaining('another program holds it')]),
    });
    await new Promise((closed) => blocker.close(closed));
    await again(site, gateway, reload);
    await vi.waitFor(async () => expect(await inputsOf(gateway)).toEqual(['host ok', 'mqtt ok']));
    expect(gateway.addresses.mqtt).toBe(`mqtt://127.0.0.1:${port}`);
  },
);

test('changed paths are told by their deepest difference', () => {
  const before = { a: { b: 1, c: [1, { d: 2 }] }, e: 1 };
  expect(changedPaths(before, structuredClone(before))).toEqual([]);
  expect(changedPaths(before, { a: { b: 2, c: [1, { d: 3 }, 4] }, f: {} })).toEqual([
    'a.b',
    'a.c.1.d',
    'a.c.2',
    'e',
    'f',
  ]);
});

test('a gateway that is closed during a reload leaves nothing open', async () => {
  const { site, gateway, reload } = await open('  host: { every: 1h }');
  await using _ = site;
  site.write(mqtt(account('ann')));
  const reloading = reload();
  await gateway.close();
  expect(await reloading).toBeDefined();
  const device = site.device(gateway.addresses.mqtt!, { username: 'ann', password: 'ann' });
  await expect(device).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});
