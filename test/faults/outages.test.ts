import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { TOPICS } from '../../contract/index.ts';
import { type Devices, type DevicesOptions, startDevices } from '../../simulators/devices/index.ts';
import { balance, firstSends } from '../support/ledger.ts';
import { collect } from '../support/testbed.ts';
import { openVictims, type Victim, type Victims } from '../support/victims.ts';

const TIMEOUT_MS = 240_000;

test('asked to end while Kafka hangs or is away, gateway and hub end within 10 s, and the gateway goes on later', {
  timeout: TIMEOUT_MS,
}, async () => {
  const victims = await open();
  const { gateway, hub, bed } = victims;
  const [node] = bed.cluster.nodes;
  const both = [gateway, hub];
  await Promise.all(both.map((program) => program.start()));
  const devices = devicesOf(victims, { ratePerDevice: 10 });
  await victims.until(
    'readings are counted',
    120,
    async () => ((await victims.hubSummary())?.readings.counted ?? 0) > 500,
  );

  const ends: Record<string, number>[] = [];
  for (const signal of ['SIGSTOP', 'SIGKILL'] as const) {
    node!.kill(signal);
    // Long enough that requests are under way that nobody answers.
    await sleep(3_000);
    const before = acknowledged(devices);
    await victims.until('devices are served all the same', 30, () => acknowledged(devices) > before + 500);
    const asked = performance.now();
    const end = async ({ name, stop }: Victim) => {
      expect(await stop()).toMatchObject({ code: 0, signal: null });
      return [name, Math.round(performance.now() - asked)] as const;
    };
    ends.push(Object.fromEntries(await Promise.all(both.map(end))));
    await Promise.all(both.map((program) => program.start()));
  }
  console.log(JSON.stringify({ endedAfterMs: ends }));
  expect(Math.max(...ends.flatMap(Object.values<number>))).toBeLessThan(10_000);

  await node!.restart();
  await expectAllArrived(victims, devices);
});

test('a gateway whose buffer is full refuses devices, also after kill -9, and loses nothing that it acknowledged', {
  timeout: TIMEOUT_MS,
}, async () => {
  const maxBytes = 1_048_576;
  const victims = await open({ HEADWATER_GATEWAY__BUFFER__MAX_BYTES: String(maxBytes) });
  const { gateway, bed } = victims;
  const [node] = bed.cluster.nodes;
  node!.kill('SIGKILL');
  await gateway.start();
  const devices = devicesOf(victims, { ratePerDevice: 25 });
  for (let i = 0; i < 2; i++) {
    const before = await victims.refused();
    await victims.until('messages are refused', 60, async () => (await victims.refused()) > before);
    expect((await victims.gatewayStatus()).disk.bufferBytes).toBeLessThanOrEqual(maxBytes);
    await gateway.kill();
    await gateway.start();
  }
  const before = acknowledged(devices);
  await node!.restart();
  await victims.until('devices are served again', 90, () => acknowledged(devices) > before + 1_000);
  await expectAllArrived(victims, devices);
});

async function open(env?: Record<string, string>): Promise<Victims> {
  const victims = await openVictims(1, env);
  onTestFinished(() => victims.close());
  return victims;
}

function devicesOf({ login }: Victims, more: Pick<DevicesOptions, 'ratePerDevice'>): Devices {
  const devices = startDevices({
    ...login,
    ...more,
    count: 24,
    seed: 5,
    connections: 8,
    faults: false,
    keepTruth: true,
  });
  onTestFinished(() => devices.close());
  return devices;
}

function acknowledged(devices: Devices): number {
  return devices.truth().reduce((sum, { acknowledged }) => sum + acknowledged, 0);
}

async function expectAllArrived(victims: Victims, devices: Devices): Promise<void> {
  await devices.close();
  await victims.drainGateway(60);
  const raw = await collect(victims.bed, TOPICS.raw.name);
  const ledger = balance(devices.truth(), firstSends(await raw.toEnd()));
  await raw.close();
  console.log(JSON.stringify(ledger));
  expect(ledger).toMatchObject({ lost: [], twice: [], invented: [] });
  expect(ledger.acknowledged).toBeGreaterThan(1_000);
}
