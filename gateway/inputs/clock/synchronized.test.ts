import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { synchronization } from './synchronized.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
let root: string;
let isSynchronized: ReturnType<typeof synchronization>;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'headwater-machine-'));
  isSynchronized = synchronization({ root, timedatectl: join(root, 'timedatectl') });
  file('run/systemd/system/units');
});
afterEach(() => rmSync(root, { recursive: true }));

function file(path: string, text = ''): void {
  mkdirSync(join(root, dirname(path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** What this machine's `timedatectl show` prints. */
function tells(text: string): void {
  does(`[ "$*" = 'show -p NTP -p NTPSynchronized' ] && printf '${text}'`);
}

function does(script: string): void {
  file('timedatectl', `#!/bin/sh\n${script}\n`);
  chmodSync(join(root, 'timedatectl'), 0o755);
}

const ask = (uptime = DAY) => isSynchronized(uptime);

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
])('a machine with %s has the time it shows, once a service would have been started', async (_name, prepare) => {
  prepare();
  expect(await ask(MINUTE)).toBe(false);
  expect(await ask(3 * MINUTE)).toBe(true);
});

test('a service that is being started anew is not taken for none', async () => {
  does(`[ -e ${root}/told ] && echo NTP=yes || echo NTP=no; touch ${root}/told`);
  expect(await ask()).toBe(false);
});

test.each([
  ['reaches nobody', 'exit 1'],
  ['does not end', 'trap "" TERM; while :; do sleep 1; done'],
])(
  'a timedatectl that %s tells nothing, and the service’s own mark is looked at all the same',
  async (_name, script) => {
    does(script);
    expect(await ask()).toBe(false);
    expect(await ask()).toBe(false);
    file('run/systemd/timesync/synchronized');
    expect(await ask()).toBe(true);
  },
  60_000,
);

test('where timedatectl reaches nobody, a clock with a battery that shows the same time is enough', async () => {
  does('exit 1');
  file('sys/class/rtc/rtc0/since_epoch', `${Math.round(Date.now() / 1_000)}\n`);
  expect(await ask()).toBe(true);
});

test('where there is no systemd, nobody can be asked', async () => {
  rmSync(join(root, 'run'), { recursive: true });
  tells('NTP=yes\\nNTPSynchronized=no\\n');
  expect(await ask(0)).toBe(true);
});
