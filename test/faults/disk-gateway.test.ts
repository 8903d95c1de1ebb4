import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { TOPICS } from '../../contract/index.ts';
import { startDevices } from '../../simulators/devices/index.ts';
import { balance, firstSends } from '../support/ledger.ts';
import { collect } from '../support/testbed.ts';
import { openVictims } from '../support/victims.ts';
import { BadDisk, buildLibrary, ERRNO, hasCompiler } from './disk/bad-disk.ts';

/** Long enough that the gateway meets what fails. */
const BAD_MS = 2_500;

describe.skipIf(!hasCompiler())('a gateway on a bad disk (needs gcc)', () => {
  test('what devices were told to be kept is in Kafka when the disk is well again, and nothing is there twice', {
    timeout: 600_000,
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'headwater-disk-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const disk = new BadDisk(folder, buildLibrary(folder));
    onTestFinished(() => disk.close());
    const victims = await openVictims(1, { ...disk.env, HEADWATER_GATEWAY__BUFFER__DIR: disk.dir });
    onTestFinished(() => victims.close());
    const { gateway, bed } = victims;
    await gateway.start();
    const devices = startDevices({
      ...victims.login,
      count: 24,
      ratePerDevice: 10,
      seed: 7,
      connections: 8,
      faults: false,
      keepTruth: true,
    });
    onTestFinished(() => devices.close());
    const acknowledged = () => devices.truth().reduce((sum, { acknowledged }) => sum + acknowledged, 0);
    const goOn = async (what: string) => {
      const before = acknowledged();
      await victims.until(what, 120, () => acknowledged() > before + 300);
    };
    const unreadable = (name: string) => {
      disk.set({ badInode: statSync(join(disk.dir, name)).ino, badFrom: 2 * 4096, badTo: 2 ** 40 });
    };
    const faults = {
      'failing syncs': () => disk.set({ syncErrno: ERRNO.EIO }),
      full: () => disk.set({ writeErrno: ERRNO.ENOSPC, writeRoom: 10_000 }),
      'read-only': () => disk.set({ readOnly: 1 }),
      'failing reads': () => unreadable('buffer.db'),
      'failing reads of the journal': () => unreadable('buffer.db-wal'),
      'failing syncs, and reads of the journal': () => {
        disk.set({ syncErrno: ERRNO.EIO });
        unreadable('buffer.db-wal');
      },
    };
    await goOn('devices are served');
    for (const [name, fault] of Object.entries(faults)) {
      fault();
      await sleep(BAD_MS);
      disk.heal();
      await goOn(`devices are served after: ${name}`);
    }
    const refused = await victims.refused();
    for (const [name, fault] of Object.entries(faults)) {
      fault();
      await gateway.kill();
      const starting = gateway.start();
      await sleep(BAD_MS);
      disk.heal();
      await starting;
      await goOn(`devices are served after a start with: ${name}`);
    }

    await devices.close();
    const { incarnation } = await victims.gatewayStatus();
    await victims.drainGateway(60);
    const raw = await collect(bed, TOPICS.raw.name);
    const sent = firstSends(await raw.toEnd());
    await raw.close();
    const ledger = balance(devices.truth(), sent);
    console.log(JSON.stringify({ refused, ...ledger }));
    expect(ledger).toMatchObject({ lost: [], twice: [], invented: [] });
    expect(refused).toBeGreaterThan(0);
    expect(new Set(sent.map(({ headers }) => headers.id?.split('/')[0]))).toEqual(new Set([incarnation]));
  });
});
