import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
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
  type Progress,
  progressPrinter,
  usableDisk,
  wifiProfile,
} from './index.ts';

const TOOLS = ['sfdisk', 'mkfs.vfat', 'fsck.vfat', 'mcopy'];
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
const has = (name: string): boolean => spawnSync('which', [name], { env }).status === 0;
const missing = TOOLS.filter((name) => !has(name));
/** Whether a disk in a file can be mounted here. */
const mounts = process.getuid?.() === 0 && ['losetup', 'mkfs.ext4'].every(has) && existsSync('/dev/loop-control');
const CMDLINE = 'console=tty1 root=PARTUUID=1-02 rootwait\n';
const CONFIG = '# Run in 64-bit mode\narm_64bit=1\nauto_initramfs=1\n';
const MIB = 2 ** 20;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'headwater-flash-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const deb = Buffer.alloc(9 * MIB, 'deb');
const STEPS = [0, 4 * MIB, 8 * MIB, 9 * MIB];
const files = new Map([
  ['gateway.yaml', Buffer.from('gateway: {}\n')],
  ['tls/kafka.password', Buffer.from('secret\n')],
]);

function card(userData?: string): BootPartition {
  const folder = join(dir, 'bootfs');
  mkdirSync(folder);
  writeFileSync(join(folder, 'cmdline.txt'), CMDLINE);
  writeFileSync(join(folder, 'config.txt'), CONFIG);
  if (userData !== undefined) writeFileSync(join(folder, 'user-data'), userData);
  return mountedPartition(folder);
}

/** Names and passwords in profiles as GLib, by which NetworkManager reads them, understands them; undefined without it. */
function readKeyFiles(texts: readonly string[]): { ssid: string; psk: string }[] | undefined {
  const program = `
import ctypes, json, sys
glib = ctypes.CDLL("libglib-2.0.so.0")
glib.g_key_file_new.restype = glib.g_key_file_get_string.restype = ctypes.c_void_p
def read(text):
    file, data = ctypes.c_void_p(glib.g_key_file_new()), text.encode()
    assert glib.g_key_file_load_from_data(file, data, ctypes.c_size_t(len(data)), 0, None)
    def get(group, key):
        found = glib.g_key_file_get_string(file, group, key, None)
        return found and ctypes.string_at(found).decode()
    return {"ssid": get(b"wifi", b"ssid"), "psk": get(b"wifi-security", b"psk")}
print(json.dumps([read(text) for text in json.load(sys.stdin)]))`;
  const { status, stdout } = spawnSync('python3', ['-c', program], { input: JSON.stringify(texts), encoding: 'utf8' });
  return status === 0 ? (JSON.parse(stdout) as { ssid: string; psk: string }[]) : undefined;
}

async function write(boot: BootPartition, machine = {}): Promise<Progress[]> {
  const told: Progress[] = [];
  await flash({ boot, deb, files, machine, onProgress: (progress) => told.push(progress) });
  return told;
}

const ofDeb = (told: readonly Progress[]) => told.filter(({ path }) => path === 'headwater/gateway.deb');

describe('a mounted boot partition', () => {
  test('gets the package, the configuration and a script that the first boot runs; twice is as good as once', async () => {
    const boot = card();
    expect(ofDeb(await write(boot)).map(({ written }) => written)).toEqual(STEPS);
    expect(boot.read('headwater/gateway.deb')?.equals(deb)).toBe(true);
    expect(boot.read('headwater/config/tls/kafka.password')?.toString()).toBe('secret\n');
    await write(boot);
    const line = boot.read('cmdline.txt')!.toString();
    expect(line).toMatch(/^console=tty1 root=PARTUUID=1-02 rootwait systemd\.run=\S+first-boot\.sh [^\n]*\n$/);
    expect(line.match(/systemd\.run=/g)).toHaveLength(1);
  });

  test('keeps what Raspberry Pi Imager told cloud-init', async () => {
    const boot = card('#cloud-config\n# mine\nhostname: pump\nruncmd:\n  - date\n');
    await write(boot);
    await write(boot);
    const text = boot.read('user-data')!.toString();
    expect(text).toMatch(/^#cloud-config\n# mine\n/);
    expect(parse(text)).toEqual({ hostname: 'pump', runcmd: ['date', 'sh /boot/firmware/headwater/first-boot.sh'] });
    expect(boot.read('cmdline.txt')?.toString()).toBe(CMDLINE);
  });

  test('starts the script where cloud-init had been told nothing', async () => {
    const boot = card('#cloud-config\n#hostname: raspberrypi\n');
    await write(boot);
    expect(parse(boot.read('user-data')!.toString())).toEqual({
      runcmd: ['sh /boot/firmware/headwater/first-boot.sh'],
    });
  });

  test('is refused where it belongs to something else', async () => {
    const photos = join(dir, 'photos');
    mkdirSync(photos);
    await expect(write(mountedPartition(photos))).rejects.toThrow(expect.objectContaining({ code: 'FLASH_IMAGE' }));
    expect(spawnSync('ls', ['-A', photos], { encoding: 'utf8' }).stdout).toBe('');
  });

  test('of Debian 11, where the script would not be found at each boot, is refused', async () => {
    const boot = card();
    writeFileSync(join(dir, 'bootfs/config.txt'), '#auto_initramfs=1\narm_64bit=1\n');
    await expect(write(boot)).rejects.toThrow(
      expect.objectContaining({ message: expect.stringContaining('Debian 12') }),
    );
    expect(spawnSync('ls', [join(dir, 'bootfs')], { encoding: 'utf8' }).stdout).toBe('cmdline.txt\nconfig.txt\n');
  });

  test('that loses what it is given is told of', async () => {
    const boot = card();
    const worn = { ...boot, read: (path: string) => (path.endsWith('.deb') ? Buffer.alloc(9) : boot.read(path)) };
    await expect(write(worn)).rejects.toThrow(expect.objectContaining({ code: 'FLASH_VERIFY' }));
    expect(boot.read('cmdline.txt')?.toString()).toBe(CMDLINE);
  });

  test.skipIf(!mounts)('is read back from the card, not from memory (needs root, losetup and mkfs.ext4)', async () => {
    const [disk, folder] = [join(dir, 'card.img'), join(dir, 'bootfs')];
    writeFileSync(disk, '');
    truncateSync(disk, 48 * MIB);
    mkdirSync(folder);
    execFileSync('mkfs.ext4', ['-q', '-F', disk], { env });
    execFileSync('mount', ['-o', 'loop', disk, folder], { env });
    try {
      writeFileSync(join(folder, 'cmdline.txt'), CMDLINE);
      writeFileSync(join(folder, 'config.txt'), CONFIG);
      const boot = mountedPartition(folder);
      const worn: BootPartition = {
        ...boot,
        async write(path, content) {
          await boot.write(path, content);
          if (path.endsWith('.deb')) spoil(disk, content);
        },
      };
      await expect(write(worn)).rejects.toThrow(expect.objectContaining({ code: 'FLASH_VERIFY' }));
      expect(boot.read('cmdline.txt')?.toString()).toBe(CMDLINE);
    } finally {
      execFileSync('umount', [folder], { env });
    }
  });

  /** Changes what a disk holds of a file, below the file system, as a bad cell does. */
  function spoil(disk: string, content: Buffer): void {
    const at = readFileSync(disk).indexOf(content.subarray(0, 4_096));
    expect(at).toBeGreaterThan(0);
    const fd = openSync(disk, 'r+');
    writeSync(fd, 'worn', at);
    closeSync(fd);
  }

  test('gets a script that a shell can read, whatever the names in it', async () => {
    const boot = card();
    await write(boot, { hostname: 'pump-7', wifi: { ssid: "O'Neill's $(reboot)", password: '`"\\', country: 'IE' } });
    const script = join(dir, 'bootfs/headwater/first-boot.sh');
    expect(spawnSync('sh', ['-n', script], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(script, 'utf8')).toContain(`ssid=O'\\''Neill'\\''s\\s$(reboot)`);
  });
});

describe.skipIf(readKeyFiles([]) === undefined)('a Wi-Fi profile (needs python3 and libglib2.0-0)', () => {
  const printable = Array.from({ length: 95 }, (_, n) => String.fromCharCode(32 + n)).join('');
  const passwords = fc.string({
    unit: fc.constantFrom(...printable, '\\', ' ', '#', ';'),
    minLength: 8,
    maxLength: 63,
  });
  const names = fc.string({
    unit: fc.constantFrom(...printable, '\\', ' ', '\t', ';', '1', 'é', '日'),
    minLength: 1,
    maxLength: 10,
  });
  const either = fc.record({ password: passwords, ssid: names });

  test('holds every name and password as it is', () => {
    const some = ['a\\sb', ' #1', ';', '1;2;', 'a\\;b', 'trailing ', '"quoted"', 'x=y', '[wifi]'];
    const cases = [
      ...some.map((text) => ({ ssid: text, password: `${text}12345678` })),
      ...some.map((text) => ({ ssid: text, password: `12345678${text}` })),
      ...fc.sample(either, 1_000),
    ];
    const read = readKeyFiles(cases.map((wifi) => wifiProfile({ ...wifi, country: 'DE' })));
    expect(read?.map(({ ssid, psk }) => ({ ssid: asName(ssid), password: psk }))).toEqual(cases);
  });

  /** What NetworkManager makes of a name, after GLib. */
  function asName(text: string): string {
    if (/^\s*(\d{1,3}\s*;\s*)+$/.test(text)) return Buffer.from(text.split(';').slice(0, -1).map(Number)).toString();
    return text.replaceAll('\\;', ';');
  }
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
      tool('mcopy', ['-i', `${file}@@4M`, '-', '::/config.txt'], CONFIG);
      return file;
    }

    test.each(['dos', 'gpt'] as const)(
      'with a %s partition table gets everything into its FAT partition, and nothing beside it',
      async (label) => {
        const file = image(label);
        const before = readFileSync(file);
        const boot = imagePartition(file);
        expect(ofDeb(await write(boot)).map(({ written }) => written)).toEqual(STEPS);
        await write(boot);
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

    test('that is full is told of, and boots as before', async () => {
      const boot = imagePartition(image('dos'));
      const tooLarge = Buffer.alloc(80 * MIB);
      await expect(flash({ boot, deb: tooLarge, files, machine: {}, onProgress: () => {} })).rejects.toThrow(
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

describe('progress', () => {
  const told = (isTTY: boolean): string => {
    let text = '';
    const print = progressPrinter({
      isTTY,
      write(more) {
        text += more;
      },
    });
    for (const written of [0, 11, 25, 31, 80, 100]) print({ path: 'a.deb', size: 40e6, written: written * 4e5 });
    for (const written of [0, 900]) print({ path: 'b', size: 900, written });
    return text;
  };

  test('is a line that counts where somebody looks at it', () => {
    const name = 'a.deb (40.0 MB)';
    const counted = ['0 %', '11 %', '25 %', '31 %', '80 %'].map((share) => `\r${name} ${share}`);
    expect(told(true)).toBe(`${counted.join('')}\r${name}     \n\rb (1 kB) 0 %\rb (1 kB)     \n`);
  });

  test('is a line for each quarter of a long file in a log', () => {
    expect(told(false).split('\n')).toEqual([
      'a.deb (40.0 MB)',
      'a.deb (40.0 MB) 25 %',
      'a.deb (40.0 MB) 80 %',
      'a.deb (40.0 MB) 100 %',
      'b (1 kB)',
      '',
    ]);
  });
});

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
