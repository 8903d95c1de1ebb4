import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { TOPICS } from '../../contract/index.ts';
import { type Devices, startDevices } from '../../simulators/devices/index.ts';
import { type Random, seeded } from '../../simulators/random/index.ts';
import { balance, firstSends, repeats, wrongWindows } from '../support/ledger.ts';
import { killAfterSend, killAfterSync, killBeforeCommit } from '../support/moments.ts';
import { collect, until } from '../support/testbed.ts';
import { transactionsOf } from '../support/transactions.ts';
import { type HubSummary, openVictims, type Victims } from '../support/victims.ts';

// The same seed plans the same kills; where in the work they fall is up to the machine.
const SEED = Number(process.env.HEADWATER_FAULT_SEED ?? Math.floor(Math.random() * 1e6));
/** Kills of the gateway; the others in proportion. */
const KILLS = Number(process.env.HEADWATER_FAULT_KILLS ?? 10);
/** Kills of the gateway alone, a third of them before it listens. */
const QUICK_KILLS = Number(process.env.HEADWATER_FAULT_QUICK_KILLS ?? 201);
/** At most so many more, aimed at the moments that chance did not hit. */
const MORE_KILLS = 10;
const DRAIN_KILLS = 5;
/** Longer than the hub takes to tell its counts. */
const TOLD_MS = 3_000;
const TIMEOUT_MS = 240_000 + KILLS * 15_000;

test(
  'kill -9 of gateway, hub and the only broker loses nothing and counts nothing twice',
  { timeout: TIMEOUT_MS },
  () =>
    torture({
      brokers: 1,
      rate: 25,
      gatewayKills: KILLS,
      hubKills: Math.ceil(KILLS * 0.6),
      brokerKills: 1,
      everyMoment: true,
    }),
);

test('nor do over 200 kills -9 of the gateway in quick succession', { timeout: 60_000 + QUICK_KILLS * 10_000 }, () =>
  torture({
    brokers: 1,
    rate: 25,
    gatewayKills: QUICK_KILLS,
    longestLifeMs: 1_500,
    killsInStart: 1 / 3,
    hubKills: 0,
    brokerKills: 0,
    everyMoment: false,
    mayBeLate: true,
  }),
);

test('nor do kills -9 of the gateway while it drains what an outage left behind', { timeout: TIMEOUT_MS }, async () => {
  const random = seeded(SEED);
  const victims = await openVictims(1);
  onTestFinished(() => victims.close());
  const { gateway, bed } = victims;
  const [node] = bed.cluster.nodes;
  await gateway.start();
  const devices = startTwentyFour(victims, 60);
  const waiting = async () => (await victims.gatewayStatus()).backlog.readings;
  node!.kill('SIGKILL');
  await victims.until('a backlog waits', 120, async () => (await waiting()) > DRAIN_KILLS * 3_000);
  await node!.restart();
  const left: number[] = [];
  for (let kills = 0; kills < DRAIN_KILLS; kills++) {
    await sleep(random.between(0, 200));
    await killAfterSend(victims);
    await gateway.start();
    left.push(await waiting());
  }
  await devices.close();
  await victims.drainGateway(60);
  const raw = await collect(bed, TOPICS.raw.name);
  const ledger = balance(devices.truth(), firstSends(await raw.toEnd()));
  await raw.close();
  console.log(JSON.stringify({ seed: SEED, left, ...ledger }));
  expect(ledger).toMatchObject({ lost: [], twice: [], invented: [] });
  // Two at least fell before it was through.
  expect(left[1]).toBeGreaterThan(1_000);
});

test('nor does kill -9 of brokers of three, together with gateway and hub', { timeout: TIMEOUT_MS }, () =>
  torture({
    brokers: 3,
    rate: 12,
    gatewayKills: 2,
    hubKills: 1,
    brokerKills: Math.ceil(KILLS * 0.2),
    everyMoment: false,
  }),
);

function startTwentyFour({ login }: Victims, ratePerDevice: number): Devices {
  const devices = startDevices({
    ...login,
    count: 24,
    ratePerDevice,
    seed: SEED,
    connections: 8,
    faults: false,
    malformedShare: 0.002,
    keepTruth: true,
  });
  onTestFinished(() => devices.close());
  return devices;
}

interface Plan {
  readonly brokers: 1 | 3;
  /** Messages a second of each of 24 devices. */
  readonly rate: number;
  readonly gatewayKills: number;
  /** Longest time from a gateway's start to its kill; 5 s unless told. */
  readonly longestLifeMs?: number;
  /** Share of its kills that fall before it listens, mostly; none unless told. */
  readonly killsInStart?: number;
  readonly hubKills: number;
  readonly brokerKills: number;
  /** Go on killing until each kind of moment was hit. */
  readonly everyMoment: boolean;
  /** Gateways live so shortly that on a slow machine a device may not get through for longer than windows wait; its readings are then reported as late. */
  readonly mayBeLate?: boolean;
}

async function torture(plan: Plan): Promise<void> {
  const random = seeded(SEED);
  const victims = await openVictims(plan.brokers);
  onTestFinished(() => victims.close());
  await Promise.all([victims.gateway.start(), victims.hub.start()]);
  const devices = startTwentyFour(victims, plan.rate);
  await victims.until('the hub counts', 120, () => counts(victims, 0));

  // Each part dies in its own rhythm, so that some die while another is away.
  const kills = { gateway: 0, inStart: 0, hub: 0, broker: 0 };
  const own = () => seeded(random.between(1, 1e9));
  await Promise.all([
    killGateway(victims, own(), plan, kills),
    killHub(victims, own(), plan.hubKills, kills),
    killBrokers(victims, own(), plan.brokerKills, kills),
  ]);
  let hit = await momentsHit(victims);
  for (let more = 0; plan.everyMoment && more < MORE_KILLS; more++) {
    if (hit.betweenSyncAndAck === 0) await aim(victims, 'gateway', killAfterSync, kills);
    else if (hit.betweenSendAndAck === 0) await aim(victims, 'gateway', killAfterSend, kills);
    else if (hit.betweenResultAndCommit === 0) await aim(victims, 'hub', killBeforeCommit, kills);
    else break;
    hit = await momentsHit(victims);
  }

  const ledger = await settle(victims, devices);
  console.log(JSON.stringify({ seed: SEED, brokers: plan.brokers, kills, hit, ...ledger }));
  expect(ledger).toMatchObject({ lost: [], twice: [], invented: [], gaps: 0, wrongWindows: [] });
  if (!plan.mayBeLate) expect(ledger.late).toBe(0);
  expect(ledger.repeatsDropped).toBe(ledger.repeatsInKafka);
  expect(ledger.acknowledged).toBeGreaterThan(1_000);
  if (plan.killsInStart) expect(kills.inStart).toBeGreaterThan(plan.gatewayKills / 10);
  if (plan.everyMoment) expect(Object.values(hit).every((times) => times > 0)).toBe(true);
}

/** Of those of the gateway, `inStart` fell before it listened. */
type Kills = Record<'gateway' | 'inStart' | 'hub' | 'broker', number>;

async function killGateway({ gateway }: Victims, random: Random, plan: Plan, kills: Kills): Promise<void> {
  const life = plan.longestLifeMs ?? 5_000;
  let startMs = 500;
  for (let i = 0; i < plan.gatewayKills; i++) {
    await sleep(random.between(life / 25, life));
    await gateway.kill();
    kills.gateway++;
    await sleep(random.between(0, life / 5));
    while (i + 1 < plan.gatewayKills && random.chance(plan.killsInStart ?? 0)) {
      i++;
      kills.gateway++;
      if (!(await gateway.startAndKill(random.between(startMs / 10, startMs)))) kills.inStart++;
    }
    const began = performance.now();
    await gateway.start();
    startMs = performance.now() - began;
  }
}

/** Mostly while it works, and now and then while it still takes up its state. */
async function killHub(victims: Victims, random: Random, times: number, kills: Kills): Promise<void> {
  for (let i = 0; i < times; i++) {
    if (random.chance(0.75)) {
      const before = (await victims.hubSummary())?.readings.counted ?? 0;
      await victims.until('the hub counts again', 120, () => counts(victims, before));
    }
    await sleep(random.between(200, 4_000));
    await victims.hub.kill();
    kills.hub++;
    await victims.hub.start();
  }
}

/** Waits until the part is at work, and kills it at a chosen moment. What its repeats tell is known only when the others have seen them. */
async function aim(
  victims: Victims,
  part: 'gateway' | 'hub',
  kill: (victims: Victims) => Promise<void>,
  kills: Kills,
): Promise<void> {
  const before = (await victims.hubSummary())?.readings.counted ?? 0;
  await victims.until('the hub counts again', 120, () => counts(victims, before));
  await kill(victims);
  kills[part]++;
  await victims[part].start();
  const after = (await victims.hubSummary())?.readings.counted ?? 0;
  await victims.until('the hub counts again', 120, () => counts(victims, after));
  await sleep(TOLD_MS);
}

async function killBrokers({ bed }: Victims, random: Random, times: number, kills: Kills): Promise<void> {
  for (let i = 0; i < times; i++) {
    await sleep(random.between(3_000, 10_000));
    const node = random.pick(bed.cluster.nodes);
    node.kill('SIGKILL');
    kills.broker++;
    await sleep(random.between(0, 4_000));
    await node.restart();
  }
}

async function counts(victims: Victims, before: number): Promise<boolean> {
  const summary = await victims.hubSummary();
  return summary !== undefined && summary.readings.counted > before;
}

async function momentsHit(victims: Victims) {
  return {
    // The device sent again what was on disk and not acknowledged.
    betweenSyncAndAck: (await victims.gatewayStatus()).counts.duplicates,
    // The gateway sent again what Kafka had and the buffer did not know it to have.
    betweenSendAndAck: (await victims.hubSummary())?.readings.duplicatesDropped ?? 0,
    // Readings of the intake were in the log when their transaction was aborted.
    betweenResultAndCommit: transactionsOf(victims.bed.cluster.nodes[0]!, TOPICS.readings.name).aborted,
  };
}

/** Ends the devices, waits until everything has gone through, and compares. */
async function settle(victims: Victims, devices: Devices) {
  await devices.close();
  await victims.drainGateway(60);
  const { bed } = victims;
  const names = { raw: TOPICS.raw, readings: TOPICS.readings, windows: TOPICS.readings10s, late: TOPICS.late };
  const [raw, readings, windows, late] = await Promise.all(
    Object.values(names).map(async ({ name }) => {
      const collected = await collect(bed, name);
      onTestFinished(() => collected.close());
      return collected;
    }),
  );
  const sent = await raw!.toEnd();
  // A deadline is no verdict: what is missing then shows below, by name.
  const patiently = (what: string, done: () => boolean | Promise<boolean>) => until(what, 60, done).catch(() => {});
  await patiently('all counted', () => readings!.records.length >= firstSends(sent).length);
  await patiently('all windows out', () => wrongWindows(readings!.records, windows!.records, 10_000).length === 0);
  const counted = await readings!.toEnd();
  let summary: HubSummary | undefined;
  await patiently('all told', async () => {
    summary = await victims.hubSummary();
    return summary?.readings.counted === counted.length && summary.readings.duplicatesDropped === repeats(sent);
  });
  return {
    ...balance(devices.truth(), counted),
    repeatsInKafka: repeats(sent),
    repeatsDropped: summary?.readings.duplicatesDropped,
    gaps: summary?.readings.gaps,
    late: (await late!.toEnd()).length,
    windows: windows!.records.length,
    wrongWindows: wrongWindows(counted, windows!.records, 10_000),
  };
}
