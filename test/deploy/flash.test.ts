import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { wifiProfile } from '../../gateway/flash/index.ts';
import { openAuthority } from '../../infra/local/index.ts';
import { type Architecture, type Built, buildPackages } from '../../infra/package/index.ts';
import { bootMachine, type Machine, whyNoMachine } from '../support/machine.ts';
import { until } from '../support/testbed.ts';

// A card that `headwater gateway flash` prepared, at its first boot: its boot partition lies in a machine with real systemd, where the Pi's would.

const root = fileURLToPath(new URL('../..', import.meta.url));
const architecture = process.arch as Architecture;
const missing = whyNoMachine();
const CMDLINE = 'root=PARTUUID=1-02 systemd.journald.forward_to_console=1 rootwait\n';
const WIFI = { ssid: "O'Neill's; 1", password: ' radio\\secret #1', country: 'DE' };
const PROFILE = '/etc/NetworkManager/system-connections/headwater.nmconnection';
const NM_STATE = '/var/lib/NetworkManager/NetworkManager.state';
/** As Raspberry Pi OS has it until a country is known. */
const RADIO_OFF = '[main]\nWirelessEnabled=false\n';

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
      writeFileSync(join(dir, 'wifi.password'), `${WIFI.password}\n`);
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

    /** A card written with a name and Wi-Fi, and its boot partition where the machine looks for it. */
    function flashed(name: string, more: Record<string, string> = {}): string {
      const boot = join(dir, name);
      mkdirSync(boot);
      const found = { 'cmdline.txt': CMDLINE, 'config.txt': 'auto_initramfs=1\n', ...more };
      for (const [file, text] of Object.entries(found)) writeFileSync(join(boot, file), text);
      const wifi = [
        '--wifi-ssid',
        WIFI.ssid,
        '--wifi-password-file',
        join(dir, 'wifi.password'),
        '--wifi-country',
        'DE',
      ];
      const card = ['--boot', boot, '--config', join(dir, 'mine.yaml'), '--package', built.deb];
      const { stdout, stderr } = headwater([...card, '--hostname', 'pump-7', ...wifi]);
      expect(stderr).toBe('');
      expect(stdout).toContain('is written and verified');
      const packed = spawnSync('tar', ['-cf', '-', '-C', boot, '.'], { maxBuffer: 1e9 }).stdout;
      machine.run('rm -rf /boot/firmware && mkdir -p /boot/firmware && tar -xf - -C /boot/firmware', packed);
      return boot;
    }

    function firstBoot(command: string): void {
      machine.run(`${command} || { cat /var/log/headwater-first-boot.log; exit 1; }`);
    }

    test('installs the gateway at its first boot, and takes the secrets off the boot partition', async () => {
      machine.run(`mkdir -p /var/lib/NetworkManager && cat >${NM_STATE}`, RADIO_OFF);
      // Of a Pi that has found no Wi-Fi device.
      machine.run('cat >/usr/local/bin/raspi-config && chmod +x /usr/local/bin/raspi-config', '#!/bin/sh\nexit 1\n');
      const boot = flashed('bootfs');
      const [, command] = /systemd\.run=(\S+)/.exec(readFileSync(join(boot, 'cmdline.txt'), 'utf8'))!;
      firstBoot(`sh ${command}`);

      await until('the gateway runs', 60, () => {
        return machine.run('systemctl is-active headwater-gateway || true').trim() === 'active';
      });
      expect(machine.run('headwater-gateway gateway status')).toContain('pump-7');
      expect(machine.run("stat -c '%a %U' /etc/headwater/kafka.password /etc/headwater/gateway.yaml")).toBe(
        '600 headwater\n600 headwater\n',
      );
      expect(machine.run('cat /etc/hostname')).toBe('pump-7\n');
      expect(machine.run(`stat -c '%a %U' ${PROFILE} && cat ${PROFILE}`)).toBe(`600 root\n${wifiProfile(WIFI)}`);
      expect(machine.run(`cat ${NM_STATE}`)).toBe('[main]\nWirelessEnabled=true\n');
      expect(machine.run('ls /boot/firmware').split('\n').filter(Boolean)).toEqual(['cmdline.txt', 'config.txt']);
      expect(machine.run('cat /boot/firmware/cmdline.txt')).toBe(CMDLINE);
      expect(machine.run('grep -c secret /var/log/headwater-first-boot.log || true').trim()).toBe('0');
    });

    test('has its Wi-Fi taken up where NetworkManager runs already, as it does when cloud-init comes to its commands', () => {
      // What stands for NetworkManager here, and writes down what it is told.
      const unit = '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=true\n';
      machine.run('cat >/run/systemd/system/NetworkManager.service && systemctl daemon-reload', unit);
      const nmcli = `#!/bin/sh\necho "$*: $(grep ^id= ${PROFILE})" >>/tmp/told\nexit 1\n`;
      machine.run('cat >/usr/local/bin/nmcli && chmod +x /usr/local/bin/nmcli', nmcli);
      machine.run(`rm ${PROFILE} && systemctl start NetworkManager && cat >${NM_STATE}`, RADIO_OFF);

      const boot = flashed('cloud-init', { 'user-data': '#cloud-config\n' });
      const { runcmd } = parse(readFileSync(join(boot, 'user-data'), 'utf8')) as { runcmd: string[] };
      firstBoot(runcmd[0]!);
      expect(machine.run('cat /tmp/told')).toBe('connection reload: id=headwater\nradio wifi on: id=headwater\n');
      expect(machine.run(`cat ${NM_STATE}`)).toBe(RADIO_OFF);
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
      for (const name of ['cmdline.txt', 'config.txt']) writeFileSync(join(boot, name), 'auto_initramfs=1\n');
      headwater(['--boot', boot, '--config', join(dir, 'mine.yaml'), '--package', built.deb]);
      return readFileSync(join(boot, 'headwater/first-boot.sh'));
    }
  },
);

describe('what it refuses', () => {
  const files = ['c.yaml', 'ca.pem', 'wifi.password'];
  const config = ['--config', 'c.yaml'];
  const wifi = (name: string, file: string) => [
    ...['--boot', '/tmp', '--wifi-ssid', name, '--wifi-password-file', file, '--wifi-country', 'DE'],
  ];
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'headwater-flash-'));
    for (const file of ['ca.pem', 'kafka.password']) writeFileSync(join(dir, file), 'x');
    writeFileSync(join(dir, 'wifi.password'), 'long enough\n');
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
    ['a Wi-Fi password that is none', [...config, ...wifi('x', 'ca.pem')], 'is no Wi-Fi password'],
    ['a Wi-Fi name that is too long', [...config, ...wifi('é'.repeat(17), 'wifi.password')], 'at most 32 bytes'],
    ['a hostname that is none', [...config, '--boot', '/tmp', '--hostname', '-;reboot'], 'no name for a machine'],
  ])('%s', (_, args, why) => {
    const known = args.map((arg) => (files.includes(arg) ? join(dir, arg) : arg));
    const { status, stderr } = headwater([...known, '--package', join(dir, 'ca.pem')]);
    expect(stderr).toContain(why);
    expect(status).not.toBe(0);
  });
});
