import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isSynchronized } from './synchronized.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'headwater-machine-'));
  file('run/systemd/system/units');
});
afterEach(() => rmSync(root, { recursive: true }));

function file(path: string, text = ''): void {
  mkdirSync(join(root, dirname(path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** What this machine's `timedatectl show` prints. */
function tells(text: string, status = 0): void {
  file('timedatectl', `#!/bin/sh\n[ "$*" = 'show -p NTP -p NTPSynchronized' ] && printf '${text}'; exit ${status}\n`);
  chmodSync(join(root, 'timedatectl'), 0o755);
}

const ask = (uptime = DAY) => isSynchronized(uptime, { root, timedatectl: join(root, 'timedatectl') });

test('a machine that has a time service is not synchronised before that says so, however long it takes', async () => {
  tells('NTP=yes\\nNTPSynchronized=no\\n');
  expect(await ask(MINUTE)).toBe(false);
  expect(await ask(300 * DAY)).toBe(false);
  tells('NTP=yes\\nNTPSynchronized=yes\\n');
  expect(await ask(MINUTE)).toBe(true);
});

test('systemd-timesyncd’s own mark is enough: the kernel forgets after some hours without a network', async () => {
  tells('NTP=yes\\nNTPSynchronized=no\\n');
  file('run/systemd/timesync/synchronized');
  expect(await ask()).toBe(true);
});

test('a service that timedatectl does not know of may have synchronised the kernel', async () => {
  tells('NTP=no\\nNTPSynchronized=yes\\n');
  expect(await ask(MINUTE)).toBe(true);
});

test.each([
  ['with a battery shows the same time', 20_000, true],
  ['whose battery is empty began anew', Date.now(), false],
  ['keeps local time', 3_600_000, false],
])('a clock that %s', async (_name, behind, synchronized) => {
  tells('NTP=yes\\nNTPSynchronized=no\\n');
  file('sys/class/rtc/rtc0/since_epoch', `${Math.round((Date.now() - behind) / 1_000)}\n`);
  expect(await ask()).toBe(synchronized);
  // A service is given the time to correct it.
  expect(await ask(MINUTE)).toBe(false);
});

test.each([
  ['no time service', () => tells('NTP=no\\nNTPSynchronized=no\\n')],
  ['no timedatectl', () => {}],
  ['a timedatectl that reaches nobody', () => tells('', 1)],
])('a machine with %s has the time it shows, once a service would have been started', async (_name, prepare) => {
  prepare();
  expect(await ask(MINUTE)).toBe(false);
  expect(await ask(3 * MINUTE)).toBe(true);
});

test('where there is no systemd, nobody can be asked', async () => {
  rmSync(join(root, 'run'), { recursive: true });
  tells('NTP=yes\\nNTPSynchronized=no\\n');
  expect(await ask(0)).toBe(true);
});
