import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openAuthority } from '../../infra/local/index.ts';
import { type Architecture, type Built, buildPackages } from '../../infra/package/index.ts';
import { bootMachine, type Machine, whyNoMachine } from '../support/machine.ts';
import { until } from '../support/testbed.ts';

// A card that `headwater gateway flash` prepared, at its first boot: its boot partition lies in a machine with real systemd, where the Pi's would.

const root = fileURLToPath(new URL('../..', import.meta.url));
const architecture = process.arch as Architecture;
const missing = whyNoMachine();

function headwater(args: string[], more: { input?: string; env?: NodeJS.ProcessEnv } = {}) {
  const command = ['cli/main.ts', 'gateway', 'flash', ...args];
  return spawnSync(process.execPath, command, { cwd: root, encoding: 'utf8', ...more });
}

describe.skipIf(missing !== undefined)(
  `a flashed card (needs a test machine${missing ? `; missing: ${missing}` : ''})`,
  () => {
    let dir: string;
    let built: Built;
    let machine: Machine;

    beforeAll(async () => {
      dir = mkdtempSync(join(tmpdir(), 'headwater-flash-'));
      built = (await buildPackages({ out: join(dir, 'dist'), architectures: [architecture] }))[architecture]!;
      const authority = await openAuthority(join(dir, 'pki'));
      writeFileSync(join(dir, 'ca.pem'), authority.ca);
      writeFileSync(join(dir, 'kafka.password'), 'top secret\n');
      writeFileSync(join(dir, 'wifi.password'), 'radio secret\n');
      writeFileSync(
        join(dir, 'mine.yaml'),
        `
gateway: { id: pump-7, site: plant }
buffer: { dir: /var/lib/headwater }
kafka: { brokers: ["127.0.0.1:9"], caFile: ca.pem, username: gateway, passwordFile: kafka.password }
inputs: { host: { every: 1s } }
http: { port: 8790 }
`,
      );
      machine = bootMachine('hw-flash', '10.77.0.62');
    }, 600_000);
    afterAll(() => {
      machine?.close();
      if (dir) rmSync(dir, { recursive: true, force: true });
    });

    test('installs the gateway at its first boot, and takes the secrets off the boot partition', async () => {
      const boot = join(dir, 'bootfs');
      mkdirSync(boot);
      writeFileSync(join(boot, 'cmdline.txt'), 'root=PARTUUID=1-02 systemd.journald.forward_to_console=1 rootwait\n');
      writeFileSync(join(boot, 'config.txt'), 'arm_64bit=1\n');
      const wifi = ['--wifi-ssid', 'plant', '--wifi-password-file', join(dir, 'wifi.password'), '--wifi-country', 'DE'];
      const flashed = headwater([
        '--boot',
        boot,
        '--config',
        join(dir, 'mine.yaml'),
        '--package',
        built.deb,
        '--hostname',
        'pump-7',
        ...wifi,
      ]);
      expect(flashed.stderr).toBe('');
      expect(flashed.stdout).toContain('is written and verified');

      const card = spawnSync('tar', ['-cf', '-', '-C', boot, '.'], { maxBuffer: 1e9 }).stdout;
      machine.run('mkdir -p /boot/firmware && tar -xf - -C /boot/firmware', card);
      const [, command] = /systemd\.run=(\S+)/.exec(readFileSync(join(boot, 'cmdline.txt'), 'utf8'))!;
      machine.run(`sh ${command} || { cat /var/log/headwater-first-boot.log; exit 1; }`);

      await until('the gateway runs', 60, () => {
        return machine.run('systemctl is-active headwater-gateway || true').trim() === 'active';
      });
      expect(machine.run('headwater-gateway gateway status')).toContain('pump-7');
      expect(machine.run("stat -c '%a %U' /etc/headwater/kafka.password /etc/headwater/gateway.yaml")).toBe(
        '600 headwater\n600 headwater\n',
      );
      expect(machine.run('cat /etc/hostname')).toBe('pump-7\n');
      const profile = '/etc/NetworkManager/system-connections/headwater.nmconnection';
      expect(machine.run(`stat -c '%a %U' ${profile} && cat ${profile}`)).toMatch(/^600 root\n.*psk=radio secret/s);
      expect(machine.run('ls /boot/firmware').split('\n').filter(Boolean)).toEqual(['cmdline.txt', 'config.txt']);
      expect(machine.run('cat /boot/firmware/cmdline.txt')).toBe(
        'root=PARTUUID=1-02 systemd.journald.forward_to_console=1 rootwait\n',
      );
      expect(machine.run('grep -c secret /var/log/headwater-first-boot.log || true').trim()).toBe('0');
    });

    test('that cannot be installed says why beside its files, and boots as an ordinary one next time', () => {
      const boot = '/boot/firmware';
      machine.run(
        `mkdir -p ${boot}/headwater/config && cat >${boot}/headwater/first-boot.sh`,
        scriptOf(join(dir, 'broken')),
      );
      machine.run(
        `echo broken >${boot}/headwater/gateway.deb && echo 'rootwait systemd.run=/x systemd.unit=kernel-command-line.target' >${boot}/cmdline.txt`,
      );
      machine.run(`! sh ${boot}/headwater/first-boot.sh`);
      expect(machine.run(`cat ${boot}/headwater-first-boot.log`)).toContain('gateway.deb');
      expect(machine.run(`cat ${boot}/cmdline.txt`)).toBe('rootwait\n');
      expect(machine.run(`ls ${boot}/headwater`)).toContain('gateway.deb');
    });

    /** The script of a card without names or Wi-Fi. */
    function scriptOf(boot: string): Buffer {
      mkdirSync(boot);
      for (const name of ['cmdline.txt', 'config.txt']) writeFileSync(join(boot, name), 'x\n');
      headwater(['--boot', boot, '--config', join(dir, 'mine.yaml'), '--package', built.deb]);
      return readFileSync(join(boot, 'headwater/first-boot.sh'));
    }
  },
);

describe('what it refuses', () => {
  const config = ['--config', 'CONFIG'];
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'headwater-flash-'));
    for (const file of ['ca.pem', 'kafka.password']) writeFileSync(join(dir, file), 'x');
    writeFileSync(
      join(dir, 'c.yaml'),
      'gateway: { id: a, site: b }\nbuffer: { dir: /var/lib/headwater }\nkafka: { brokers: ["a:1"], caFile: ca.pem, passwordFile: kafka.password }\ninputs: { host: { every: 1s } }\n',
    );
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  test.each([
    ['whose path was not typed', [], '/dev/sda\n', 'is left alone', 1],
    ['where nobody is there to type it', [], '', 'is left alone', 1],
    ['with another serial', ['--expect-serial', '42', '--yes'], '', 'its serial is not 42', 1],
    ['that no serial tells from others', ['--yes'], '', '--yes needs --expect-serial', 2],
  ])('a disk %s', (_, args, input, why, code) => {
    // What stands for a disk here, and says that it is one.
    const disk = join(dir, 'disk');
    const content = Buffer.alloc(65_536, 'what was on it');
    writeFileSync(disk, content);
    const described = {
      path: disk,
      size: 65_536,
      type: 'disk',
      model: 'M',
      serial: '0042',
      ro: false,
      mountpoints: [null],
    };
    mkdirSync(join(dir, 'bin'));
    const lsblk = `#!/bin/sh\necho '${JSON.stringify({ blockdevices: [described] })}'\n`;
    writeFileSync(join(dir, 'bin/lsblk'), lsblk, { mode: 0o755 });
    const env = { ...process.env, PATH: `${join(dir, 'bin')}:${process.env.PATH}` };
    const all = ['--config', join(dir, 'c.yaml'), '--package', join(dir, 'ca.pem'), '--device', disk, ...args];
    const { status, stdout, stderr } = headwater(all, { input, env });
    expect(stdout).toContain('serial 0042');
    expect(stderr).toContain(why);
    expect(status).toBe(code);
    expect(readFileSync(disk).equals(content)).toBe(true);
  });

  test('a buffer where the service may not write', () => {
    const text = readFileSync(join(dir, 'c.yaml'), 'utf8');
    const boot = join(dir, 'bootfs');
    mkdirSync(boot);
    for (const [name, buffer] of Object.entries({ relative: 'buffer', beside: '/var/lib/headwater2' })) {
      writeFileSync(join(dir, `${name}.yaml`), text.replace('/var/lib/headwater', buffer));
      const { status, stderr } = headwater([
        ...['--config', join(dir, `${name}.yaml`), '--package', join(dir, 'ca.pem'), '--boot', boot],
      ]);
      expect(stderr).toContain('on the gateway it must be /var/lib/headwater');
      expect(status).toBe(2);
    }
  });

  test.each([
    ['nothing to write to', config, 'one of --boot, --image and --device'],
    [
      'two things to write to',
      [...config, '--boot', '/tmp', '--image', 'x.img'],
      'one of --boot, --image and --device',
    ],
    ['a device given as an image', [...config, '--image', '/dev/null'], 'is no file'],
    ['a device that is no disk', [...config, '--device', '/dev/null'], 'is left alone'],
    ['half of a Wi-Fi', [...config, '--boot', '/tmp', '--wifi-ssid', 'x'], 'together'],
    ['a hostname that is none', [...config, '--boot', '/tmp', '--hostname', '-;reboot'], 'no name for a machine'],
  ])('%s', (_, args, why) => {
    const known = args.map((arg) => (arg === config[1] ? join(dir, 'c.yaml') : arg));
    const { status, stderr } = headwater([...known, '--package', join(dir, 'ca.pem')]);
    expect(stderr).toContain(why);
    expect(status).not.toBe(0);
  });
});
