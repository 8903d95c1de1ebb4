import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Notification } from '../../contract/index.ts';
import { groupIdOf } from '../../hub/alerts/index.ts';
import { openReceiver, type Receiver } from '../../hub/testing/index.ts';
import { provision } from '../../hub/topics/index.ts';
import { type AlertHub, allReady, channel, openSilences, startAlertHub, toldTo } from '../support/alert-hubs.ts';
import { collect, openTestBed, type TestBed, until } from '../support/testbed.ts';

const times = { groupWaitMs: 500, groupIntervalMs: 500, repeatMs: 3_600_000 };
const ROUNDS = 10;

let bed: TestBed;
let receiver: Receiver;
beforeAll(async () => {
  bed = await openTestBed();
  await provision(bed.as('admin'), 1);
  receiver = await openReceiver();
});
afterAll(async () => {
  await receiver?.close();
  await bed?.close();
});

const moment = (most: number) => new Promise((resolve) => setTimeout(resolve, Math.random() * most));

test('hubs that are killed at any moment: every notification arrives, with one id, and each change of an alert is told once', async () => {
  const silences = await openSilences(bed.as('admin'));
  const channels = [channel({ name: 'hook', url: receiver.url })];
  const start = (i: number) => startAlertHub(bed, { process: `hub-${i}`, times, channels });
  const hubs: AlertHub[] = [1, 2, 3].map(start);
  try {
    await allReady(hubs);
    // Before it has a position it begins at the present end, each time anew. A broker that has just started may not tell yet.
    const position = () => bed.admin.committed(groupIdOf('hook'), 'notifications').catch(() => new Map());
    await until('the channel has begun', 120, async () => (await position()).size > 0);
    const alertTopic = await collect(bed, 'alerts');
    for (let round = 0; round < ROUNDS; round++) {
      const names = Array.from({ length: 5 }, (_, i) => `r${round}-${i}`);
      await silences.devices('silent', `gw-${round % 3}`, names);
      await moment(1_500);
      const victim = Math.floor(Math.random() * 3);
      await hubs[victim]!.kill();
      await moment(1_000);
      hubs[victim] = start(victim + 1);
      await silences.devices('back', `gw-${round % 3}`, names.slice(0, 3));
      await moment(3_000);
    }
    const wanted = ROUNDS * (5 + 3);
    await until('every change is an alert', 120, () => alertTopic.records.length >= wanted);
    await alertTopic.close();
    const topic = await collect(bed, 'notifications');
    const told = () => topic.records.map(({ value }) => JSON.parse(String(value)) as Notification);
    const over = () =>
      new Set(told().flatMap(({ alerts }) => alerts.filter((a) => a.state === 'resolved').map((a) => a.id)));
    const seen = () => new Set(told().flatMap(({ alerts }) => alerts.map((a) => a.id)));
    await until('every alert is told', 120, () => seen().size >= ROUNDS * 5 && over().size >= ROUNDS * 3);
    await topic.toEnd();
    await until('all has arrived', 120, () => {
      const arrived = new Set(toldTo(receiver.received).map(({ id }) => id));
      return told().every(({ id }) => arrived.has(id));
    });
    // One id, one content: what came twice came as it was.
    const bodies = new Map<string, Set<string>>();
    for (const { body } of receiver.received) {
      const { id } = JSON.parse(body);
      bodies.set(id, (bodies.get(id) ?? new Set()).add(body));
    }
    expect([...bodies.values()].every((of) => of.size === 1)).toBe(true);
    expect([...bodies.keys()].sort()).toEqual(
      told()
        .map(({ id }) => id)
        .sort(),
    );
    // In the order in which they were told.
    expect([...bodies.keys()]).toEqual(told().map(({ id }) => id));
    // Nothing more of an alert after its end, and no notification without something new.
    const known = new Set<string>();
    for (const { id, alerts } of told()) {
      const past = alerts.filter((a) => known.has(`${a.id} resolved`)).map((a) => `${a.id} ${a.state}`);
      expect(past, `${id} tells of what was over`).toEqual([]);
      const news = alerts.filter((a) => !known.has(`${a.id} ${a.state}`));
      expect(news.length).toBeGreaterThan(0);
      for (const a of alerts) known.add(`${a.id} ${a.state}`);
    }
    await topic.close();
  } finally {
    await Promise.all(hubs.map((hub) => hub.kill()));
    await silences.close();
  }
});
