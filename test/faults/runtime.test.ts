import { afterAll, beforeAll, expect, test } from 'vitest';
import { disturbed, prepareCounting, runningPartitions, shared } from '../support/counting-runs.ts';
import { openTestBed, type TestBed, until } from '../support/testbed.ts';

let bed: TestBed;
beforeAll(async () => {
  bed = await openTestBed();
});
afterAll(() => bed?.close());

const seconds = (n: number) => new Promise((resolve) => setTimeout(resolve, n * 1_000));

test('processes that join and leave share the partitions evenly, and no row is lost or repeated', async () => {
  await disturbed(bed, await prepareCounting(bed, 'sharing', { commitEveryMs: 20 }), async (start) => {
    const first = start();
    expect(await shared([first])).toEqual([4]);
    const second = start();
    await until('the second has its share', 20, () => runningPartitions(second).length === 2);
    expect(await shared([first, second])).toEqual([2, 2]);
    const kept = runningPartitions(first);
    const third = start();
    await until('the third has its share', 20, () => runningPartitions(third).length === 1);
    expect((await shared([first, second, third])).sort()).toEqual([1, 1, 2]);
    expect(kept).toEqual(expect.arrayContaining(runningPartitions(first)));
    await first.close();
    expect(await shared([second, third])).toEqual([2, 2]);
    expect([second, third].flatMap((w) => w.status()!.tasks.map((t) => t.restarts))).toEqual([0, 0, 0, 0]);
    await second.close();
    expect(await shared([third])).toEqual([4]);
  });
});

test('a process that was stopped while its partitions moved commits nothing when it wakes up', async () => {
  await disturbed(bed, await prepareCounting(bed, 'zombie', { commitEveryMs: 20 }), async (start) => {
    const zombie = start();
    await shared([zombie]);
    await seconds(1);
    zombie.kill('SIGSTOP');
    const heir = start();
    await until('the heir has all', 30, () => runningPartitions(heir).length === 4);
    await seconds(1);
    zombie.kill('SIGCONT');
    await until('both share again', 30, () => runningPartitions(zombie).length === 2);
    expect(await shared([zombie, heir])).toEqual([2, 2]);
  });
});

test('a broker that is killed and comes back costs no row', async () => {
  await disturbed(bed, await prepareCounting(bed, 'broker', { commitEveryMs: 20 }), async (start) => {
    const worker = start();
    await shared([worker]);
    await seconds(1);
    await bed.cluster.nodes[0]!.restart();
    await seconds(1);
    bed.cluster.nodes[0]!.kill('SIGKILL');
    await seconds(1);
    await bed.cluster.nodes[0]!.restart();
    await shared([worker], 40);
  });
});

test('of three brokers one and then another may be killed', async () => {
  const three = await openTestBed(3);
  try {
    await disturbed(three, await prepareCounting(three, 'brokers', { commitEveryMs: 20 }), async (start, outputs) => {
      await shared([start(), start()]);
      for (const node of three.cluster.nodes.slice(0, 2)) {
        node.kill('SIGKILL');
        const before = outputs.length;
        await until('results without it', 40, () => outputs.length > before + 200);
        await node.restart();
      }
    });
  } finally {
    await three.close();
  }
});
