import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import {
  type BootPartition,
  configurationFiles,
  type Disk,
  describeDisk,
  flash,
  imagePartition,
  mountedPartition,
  usableDisk,
} from './index.ts';

const TOOLS = ['sfdisk', 'mkfs.vfat', 'fsck.vfat', 'mcopy'];
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
const missing = TOOLS.filter((name) => spawnSync('which', [name], { env }).status !== 0);
const CMDLINE = 'console=tty1 root=PARTUUID=1-02 rootwait\n';
const MIB = 2 ** 20;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'headwater-flash-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const deb = Buffer.alloc(3 * MIB, 'deb');
const files = new Map([
  ['gateway.yaml', Buffer.from('gateway: {}\n')],
  ['tls/kafka.password', Buffer.from('secret\n')],
]);

function card(userData?: string): BootPartition {
  const folder = join(dir, 'bootfs');
  mkdirSync(folder);
  writeFileSync(join(folder, 'cmdline.txt'), CMDLINE);
  writeFileSync(join(folder, 'config.txt'), 'arm_64bit=1\n');
  if (userData !== undefined) writeFileSync(join(folder, 'user-data'), userData);
  return mountedPartition(folder);
}

function write(boot: BootPartition, machine = {}): string[] {
  const told: string[] = [];
  flash({ boot, deb, files, machine, onProgress: (text) => told.push(text) });
  return told;
}

describe('a mounted boot partition', () => {
  test('gets the package, the configuration and a script that the first boot runs; twice is as good as once', () => {
    const boot = card();
    expect(write(boot)).toContain('headwater/gateway.deb (3.1 MB)');
    expect(boot.read('headwater/gateway.deb')?.equals(deb)).toBe(true);
    expect(boot.read('headwater/config/tls/kafka.password')?.toString()).toBe('secret\n');
    write(boot);
    const line = boot.read('cmdline.txt')!.toString();
    expect(line).toMatch(/^console=tty1 root=PARTUUID=1-02 rootwait systemd\.run=\S+first-boot\.sh [^\n]*\n$/);
    expect(line.match(/systemd\.run=/g)).toHaveLength(1);
  });

  test('keeps what Raspberry Pi Imager told cloud-init', () => {
    const boot = card('#cloud-config\n# mine\nhostname: pump\nruncmd:\n  - date\n');
    write(boot);
    write(boot);
    const text = boot.read('user-data')!.toString();
    expect(text).toMatch(/^#cloud-config\n# mine\n/);
    expect(parse(text)).toEqual({ hostname: 'pump', runcmd: ['date', 'sh /boot/firmware/headwater/first-boot.sh'] });
    expect(boot.read('cmdline.txt')?.toString()).toBe(CMDLINE);
  });

  test('starts the script where cloud-init had been told nothing', () => {
    const boot = card('#cloud-config\n#hostname: raspberrypi\n');
    write(boot);
    expect(parse(boot.read('user-data')!.toString())).toEqual({
      runcmd: ['sh /boot/firmware/headwater/first-boot.sh'],
    });
  });

  test('is refused where it belongs to something else', () => {
    const photos = join(dir, 'photos');
    mkdirSync(photos);
    expect(() => write(mountedPartition(photos))).toThrow(expect.objectContaining({ code: 'FLASH_IMAGE' }));
    expect(spawnSync('ls', ['-A', photos], { encoding: 'utf8' }).stdout).toBe('');
  });

  test('that loses what it is given is told of', () => {
    const boot = card();
    const worn = { ...boot, read: (path: string) => (path.endsWith('.deb') ? Buffer.alloc(9) : boot.read(path)) };
    expect(() => write(worn)).toThrow(expect.objectContaining({ code: 'FLASH_VERIFY' }));
    expect(boot.read('cmdline.txt')?.toString()).toBe(CMDLINE);
  });

  test('gets a script that a shell can read, whatever the names in it', () => {
    const boot = card();
    write(boot, { hostname: 'pump-7', wifi: { ssid: "O'Neill's $(reboot)", password: '`"\\', country: 'IE' } });
    const script = join(dir, 'bootfs/headwater/first-boot.sh');
    expect(spawnSync('sh', ['-n', script], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(script, 'utf8')).toContain(`O'\\''Neill'\\''s $(reboot)`);
  });
});

describe.skipIf(missing.length > 0)(
  `an image (needs ${TOOLS.join(', ')}${missing.length > 0 ? `; missing: ${missing}` : ''})`,
  () => {
    const tool = (command: string, args: string[], input?: string) =>
      execFileSync(command, args, { env, input, stdio: ['pipe', 'pipe', 'pipe'] });

    function image(label: 'dos' | 'gpt'): string {
      const file = join(dir, 'raspios.img');
      writeFileSync(file, '');
      truncateSync(file, 96 * MIB);
      const type = label === 'dos' ? 'c' : 'EBD0A0A2-B9E5-4433-87C0-68B6B72699C7';
      tool('sfdisk', [file], `label: ${label}\nstart=8192, size=131072, type=${type}\nstart=139264, size=40960\n`);
      tool('mkfs.vfat', ['-F', '32', '-S', '512', '--offset', '8192', file, '65536']);
      tool('mcopy', ['-i', `${file}@@4M`, '-', '::/cmdline.txt'], CMDLINE);
      tool('mcopy', ['-i', `${file}@@4M`, '-', '::/config.txt'], 'arm_64bit=1\n');
      return file;
    }

    test.each(['dos', 'gpt'] as const)(
      'with a %s partition table gets everything into its FAT partition, and nothing beside it',
      (label) => {
        const file = image(label);
        const before = readFileSync(file);
        const boot = imagePartition(file);
        write(boot);
        write(boot);
        expect(boot.read('headwater/config/tls/kafka.password')?.toString()).toBe('secret\n');
        const after = readFileSync(file);
        const [start, end] = [8192 * 512, (8192 + 131_072) * 512];
        expect(after.subarray(0, start).equals(before.subarray(0, start))).toBe(true);
        expect(after.subarray(end).equals(before.subarray(end))).toBe(true);
        const partition = join(dir, 'partition');
        writeFileSync(partition, after.subarray(start, end));
        tool('fsck.vfat', ['-n', partition]);
      },
    );

    test('that is full is told of, and boots as before', () => {
      const boot = imagePartition(image('dos'));
      const tooLarge = Buffer.alloc(80 * MIB);
      expect(() => flash({ boot, deb: tooLarge, files, machine: {}, onProgress: () => {} })).toThrow(
        expect.objectContaining({ code: 'FLASH_WRITE' }),
      );
      expect(boot.read('cmdline.txt')?.toString()).toBe(CMDLINE);
    });

    test.each([
      ['an empty file', Buffer.alloc(0)],
      ['zeros', Buffer.alloc(MIB)],
      ['a packed image', Buffer.alloc(MIB, 0xfd)],
    ])('that is %s is refused', (_, content) => {
      const file = join(dir, 'other.img');
      writeFileSync(file, content);
      expect(() => imagePartition(file)).toThrow(expect.objectContaining({ code: 'FLASH_IMAGE' }));
    });
  },
);

describe('a disk', () => {
  const disk: Disk = {
    path: '/dev/sdx',
    size: 31_914_983_424,
    type: 'disk',
    model: 'STORAGE DEVICE ',
    serial: '0042',
    ro: false,
    mountpoints: [null],
  };
  const partition = (mountpoint: string | null): Disk => ({
    ...disk,
    path: '/dev/sdx1',
    type: 'part',
    mountpoints: [mountpoint],
  });

  test('that nobody uses is described', () => {
    const found = usableDisk('/dev/sdx', () => ({ ...disk, children: [partition(null)] }));
    expect(describeDisk(found)).toBe('/dev/sdx: 31.9 GB, STORAGE DEVICE, serial 0042');
  });

  test.each<[string, Disk | undefined]>([
    ['does not exist', undefined],
    ['is a partition', partition(null)],
    ['is write-protected', { ...disk, ro: true }],
    ['is mounted', { ...disk, mountpoints: ['/media/card'] }],
    ['holds the system', { ...disk, children: [partition(null), { ...partition(null), children: [partition('/')] }] }],
    ['holds swap', { ...disk, children: [partition('[SWAP]')] }],
  ])('that %s is left alone', (_, found) => {
    expect(() => usableDisk('/dev/sdx', () => found)).toThrow(expect.objectContaining({ code: 'FLASH_DEVICE' }));
  });
});

describe('a configuration', () => {
  const config = (text: string): string => {
    const file = join(dir, 'mine.yaml');
    writeFileSync(file, text);
    return file;
  };

  test('goes along with the files it names', () => {
    writeFileSync(join(dir, 'ca.pem'), 'ca');
    writeFileSync(join(dir, 'p'), 'p');
    const found = configurationFiles(
      config('kafka: { caFile: ca.pem }\ninputs: { mqtt: { accounts: [{ passwordFile: /etc/headwater/p }] } }'),
    );
    expect([...found.keys()]).toEqual(['gateway.yaml', 'ca.pem', 'p']);
  });

  test('is refused with every file that cannot go along', () => {
    const file = config('kafka: { caFile: /home/me/ca.pem, keyFile: ../key.pem, certFile: gone.pem }');
    expect(() => configurationFiles(file)).toThrow(
      expect.objectContaining({
        code: 'FLASH_FILES',
        details: [
          expect.stringContaining('kafka.caFile: /home/me/ca.pem'),
          expect.stringContaining('kafka.keyFile: ../key.pem'),
          expect.stringContaining('kafka.certFile: ENOENT'),
        ],
      }),
    );
  });
});
