import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { openBuffer } from '../../buffer/index.ts';
import { RawClient } from './testing.ts';

// Exactly once, with a real buffer, and a gateway that is killed between any two packets.

const dirs: string[] = [];
const processes: ChildProcess[] = [];
const clients: RawClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.end();
  for (const child of processes.splice(0)) if (child.exitCode === null && child.signalCode === null) await kill(child);
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true });
});

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

function gatewayIn(dir: string) {
  let child: ChildProcess;
  return {
    async start(): Promise<number> {
      child = fork(new URL('./killed.fixture.ts', import.meta.url), [dir], { execArgv: process.execArgv });
      processes.push(child);
      const [port] = (await once(child, 'message')) as [number];
      return port;
    },
    kill: () => kill(child),
  };
}

function folder(): string {
  dirs.push(mkdtempSync(join(tmpdir(), 'headwater-qos2-')));
  return dirs.at(-1)!;
}

async function connect(port: number, clean = false): Promise<{ client: RawClient; sessionPresent: boolean }> {
  const client = await RawClient.open(port);
  clients.push(client);
  const connack = await client.connect({ clientId: 'pump', clean });
  return { client, sessionPresent: 'sessionPresent' in connack && connack.sessionPresent };
}

/** The readings' values that are on the disk of a gateway that no longer runs. */
async function kept(dir: string): Promise<number[]> {
  const options = {
    dir,
    maxBytes: 2 ** 26,
    maxAgeMs: 86_400_000,
    whenFull: 'reject-new',
    liveWithinMs: 3_600_000,
  } as const;
  const buffer = await openBuffer(options);
  const stored = await buffer.peek('live', 0, { records: 10_000, bytes: 1_000_000 });
  await buffer.close();
  return stored.map(({ value }) => JSON.parse(value).value);
}

describe('QoS 2 is exactly once when the gateway is killed', () => {
  test('before the PUBREC came: the message sent again is not a second one, whether flagged or not', async () => {
    const dir = folder();
    const gateway = gatewayIn(dir);
    let { client } = await connect(await gateway.start());
    client.publish(2, 5, { payload: '1' });
    await client.next('pubrec');
    await gateway.kill();
    for (const dup of [true, false]) {
      const again = await connect(await gateway.start());
      expect(again.sessionPresent).toBe(true);
      ({ client } = again);
      client.publish(2, 5, { payload: '1', dup });
      await client.next('pubrec');
      await gateway.kill();
    }
    expect(await kept(dir)).toEqual([1]);
  });

  test('before the PUBCOMP came: the id means the old message until it is released, and a new one after', async () => {
    const dir = folder();
    const gateway = gatewayIn(dir);
    let { client } = await connect(await gateway.start());
    client.publish(2, 5, { payload: '1' });
    await client.next('pubrec');
    client.send({ cmd: 'pubrel', messageId: 5 });
    await client.next('pubcomp');
    await gateway.kill();

    ({ client } = await connect(await gateway.start()));
    client.send({ cmd: 'pubrel', messageId: 5 });
    expect(await client.next('pubcomp')).toMatchObject({ messageId: 5 });
    client.publish(2, 5, { payload: '2' });
    await client.next('pubrec');
    await gateway.kill();
    expect(await kept(dir)).toEqual([1, 2]);
  });

  test('a clean session forgets it all, and says so', async () => {
    const dir = folder();
    const gateway = gatewayIn(dir);
    let { client } = await connect(await gateway.start());
    client.publish(2, 5, { payload: '1' });
    await client.next('pubrec');
    await gateway.kill();

    const clean = await connect(await gateway.start(), true);
    expect(clean.sessionPresent).toBe(false);
    clean.client.publish(2, 5, { payload: '2' });
    await clean.client.next('pubrec');
    clean.client.end();
    await gateway.kill();

    const lasting = await connect(await gateway.start());
    expect(lasting.sessionPresent).toBe(false);
    ({ client } = lasting);
    client.publish(2, 5, { payload: '3' });
    await client.next('pubrec');
    await gateway.kill();
    expect(await kept(dir)).toEqual([1, 2, 3]);
  });

  test('QoS 1 too, for a repeat that is flagged as one', async () => {
    const dir = folder();
    const gateway = gatewayIn(dir);
    let { client } = await connect(await gateway.start(), true);
    client.publish(1, 5, { payload: '1' });
    await client.next('puback');
    await gateway.kill();
    ({ client } = await connect(await gateway.start(), true));
    client.publish(1, 5, { payload: '1', dup: true });
    await client.next('puback');
    client.publish(1, 6, { payload: '2' });
    await client.next('puback');
    await gateway.kill();
    expect(await kept(dir)).toEqual([1, 2]);
  });
});

test('within a connection a repeat is answered again, once its message is on disk, and not stored again', async () => {
  const dir = folder();
  const gateway = gatewayIn(dir);
  const { client } = await connect(await gateway.start(), true);
  client.publish(2, 5, { payload: '1' });
  client.publish(2, 5, { payload: '1', dup: true });
  await client.next('pubrec');
  client.publish(2, 5, { payload: '1', dup: true });
  await client.next('pubrec');
  client.send({ cmd: 'pubrel', messageId: 5 });
  await client.next('pubcomp');
  client.publish(2, 5, { payload: '2' });
  await client.next('pubrec');
  await gateway.kill();
  expect(await kept(dir)).toEqual([1, 2]);
});

test('a device may send thousands at once before it releases the first, as after an outage', async () => {
  const dir = folder();
  const gateway = gatewayIn(dir);
  const { client } = await connect(await gateway.start());
  const ids = Array.from({ length: 3_000 }, (_, n) => n + 1);
  for (const id of ids) client.publish(2, id, { payload: `${id}` });
  const answered = (cmd: string) => client.received.filter((packet) => packet.cmd === cmd).length;
  await vi.waitFor(() => expect(answered('pubrec')).toBe(ids.length));
  for (const messageId of ids) client.send({ cmd: 'pubrel', messageId });
  await vi.waitFor(() => expect(answered('pubcomp')).toBe(ids.length));
  expect(client.closed).toBe(false);
  await gateway.kill();
  expect(await kept(dir)).toEqual(ids);
});

/** The sending side of QoS 2 as the standard wants it: what is not finished is taken up again, in order, on the next connection. */
class Sender {
  readonly #unfinished = new Map<number, { readonly payload: string; released: boolean }>();
  #sent = 0;
  readonly #count: number;

  constructor(count: number) {
    this.#count = count;
  }

  get done(): boolean {
    return this.#sent === this.#count && this.#unfinished.size === 0;
  }

  /** Sends on a connection until it ends or nothing is left. */
  async run(client: RawClient): Promise<void> {
    for (const [id, { payload, released }] of this.#unfinished) {
      if (released) client.send({ cmd: 'pubrel', messageId: id });
      else client.publish(2, id, { payload, dup: true });
    }
    while (!client.closed && !this.done) {
      // Few ids, so that each is used again and again.
      for (let id = 1; id <= 5 && this.#sent < this.#count; id++) {
        if (this.#unfinished.has(id)) continue;
        const payload = `${++this.#sent}`;
        this.#unfinished.set(id, { payload, released: false });
        client.publish(2, id, { payload });
      }
      for (const packet of client.received.splice(0)) {
        const its = packet.messageId === undefined ? undefined : this.#unfinished.get(packet.messageId);
        if (packet.cmd === 'pubcomp') this.#unfinished.delete(packet.messageId!);
        if (packet.cmd !== 'pubrec' || its === undefined) continue;
        its.released = true;
        client.send({ cmd: 'pubrel', messageId: packet.messageId });
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

test('each of many messages is kept exactly once over kills at any moment', async () => {
  const dir = folder();
  const gateway = gatewayIn(dir);
  const sender = new Sender(600);
  const moments: number[] = [];
  for (let kills = 0; kills < 6 && !sender.done; kills++) {
    const running = sender.run((await connect(await gateway.start())).client);
    moments.push(Math.random() * 60);
    await new Promise((resolve) => setTimeout(resolve, moments.at(-1)));
    await gateway.kill();
    await running;
  }
  await sender.run((await connect(await gateway.start())).client);
  await gateway.kill();
  const values = await kept(dir);
  expect(
    values.sort((a, b) => a - b),
    `killed after ms: ${moments}`,
  ).toEqual(Array.from({ length: 600 }, (_, n) => n + 1));
}, 180_000);
