import { existsSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import { HeadwaterError } from '../contract/index.ts';
import type { BootPartition } from '../gateway/flash/index.ts';
import pkg from '../package.json' with { type: 'json' };

interface Options {
  readonly boot?: string;
  readonly image?: string;
  readonly device?: string;
  readonly yes?: boolean;
  readonly expectSerial?: string;
  readonly config: string;
  readonly package?: string;
  readonly hostname?: string;
  readonly wifiSsid?: string;
  readonly wifiPasswordFile?: string;
  readonly wifiCountry?: string;
}

/** Where the package's service may write. */
const STATE = '/var/lib/headwater';

export const command = new Command('flash')
  .description('prepare a Raspberry Pi OS card or image: its first boot installs and configures the gateway')
  .option('--boot <folder>', 'the card’s boot partition, mounted')
  .option('--image <file>', 'an unpacked image (.img); needs mtools')
  .option('--device <path>', 'a card that is not mounted, such as /dev/sdX; needs mtools and asks before it writes')
  .option('--yes', 'with --device: do not ask; needs --expect-serial')
  .option('--expect-serial <serial>', 'with --device: the only disk that may be written to')
  .requiredOption('--config <file>', 'the gateway’s configuration; the files it names lie beside it and go along')
  .option('--package <file>', 'the Debian package for arm64 (default: the one that `npm run package` built)')
  .option('--hostname <name>', 'the machine’s name')
  .option('--wifi-ssid <name>', 'Wi-Fi to join')
  .option('--wifi-password-file <file>', 'its password')
  .option('--wifi-country <code>', 'the country whose radio rules hold, such as DE')
  .addHelpText(
    'after',
    `
Writes to the one partition that is named, and to nothing else. For a login (user, SSH key) use Raspberry Pi Imager's settings first; they stay.

Examples:
  headwater gateway flash --boot /media/me/bootfs --config gateway.yaml
  headwater gateway flash --image raspios-lite-arm64.img --config gateway.yaml --hostname pump-7`,
  )
  .action(async (options: Options) => {
    const { configurationFiles, flash, progressPrinter } = await import('../gateway/flash/index.ts');
    const { loadGatewayConfig } = await import('../gateway/config/index.ts');
    const deb = readFileSync(packageFile(options.package));
    const machine = machineSettings(options);
    const files = configurationFiles(options.config);
    checkBuffer(options.config, loadGatewayConfig(options.config, {}).buffer.dir);
    const boot = await target(options);
    await flash({ boot, deb, files, machine, onProgress: progressPrinter(process.stdout) });
    process.stdout.write(
      `${boot.name} is written and verified. The first boot takes some minutes; then the gateway runs.\n`,
    );
  });

/** The service sees the rest of the machine read-only, and nobody is there to say so. */
function checkBuffer(config: string, dir: string): void {
  if (`${dir}/`.startsWith(`${STATE}/`)) return;
  const details = [`buffer.dir: is ${dir} here; on the gateway it must be ${STATE}, or a folder in it`];
  throw new HeadwaterError('CONFIG_INVALID', `${config} would not run on the gateway:`, { details });
}

function packageFile(given: string | undefined): string {
  const built = resolve(import.meta.dirname, `../dist/headwater-gateway_${pkg.version}_arm64.deb`);
  const file = given ?? built;
  if (existsSync(file)) return file;
  throw new HeadwaterError(
    'USAGE',
    given ? `${given} does not exist` : 'name the Debian package with --package FILE, or build one: npm run package',
  );
}

function machineSettings({ hostname, wifiSsid, wifiPasswordFile, wifiCountry }: Options) {
  if (hostname !== undefined && !/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(hostname)) {
    throw new HeadwaterError('USAGE', `"${hostname}" is no name for a machine: letters, digits and hyphens`);
  }
  const wifi = [wifiSsid, wifiPasswordFile, wifiCountry].filter((given) => given !== undefined);
  if (wifi.length === 0) return { hostname };
  if (wifi.length < 3) {
    throw new HeadwaterError('USAGE', 'Wi-Fi takes --wifi-ssid, --wifi-password-file and --wifi-country together');
  }
  const password = readFileSync(wifiPasswordFile!, 'utf8').trimEnd();
  // NetworkManager passes over a profile with another, and nobody is there to see it.
  if (!/^([ -~]{8,63}|[0-9a-f]{64})$/i.test(password)) {
    const why =
      'is no Wi-Fi password: a line of 8 to 63 letters, digits and signs of ASCII, or a key of 64 hexadecimal digits';
    throw new HeadwaterError('USAGE', `what is in ${wifiPasswordFile} ${why}`);
  }
  if (!/^[^\n\r\0]+$/.test(wifiSsid!) || Buffer.byteLength(wifiSsid!) > 32 || !/^[A-Z]{2}$/.test(wifiCountry!)) {
    throw new HeadwaterError('USAGE', 'the Wi-Fi’s name is a line of at most 32 bytes, and its country two capitals');
  }
  return { hostname, wifi: { ssid: wifiSsid!, password, country: wifiCountry! } };
}

/** Exactly what was named. @throws HeadwaterError `USAGE`, `FLASH_DEVICE` */
async function target({ boot, image, device, yes, expectSerial }: Options): Promise<BootPartition> {
  const { describeDisk, imagePartition, mountedPartition, usableDisk } = await import('../gateway/flash/index.ts');
  if ([boot, image, device].filter((given) => given !== undefined).length !== 1) {
    throw new HeadwaterError('USAGE', 'name what to write to: one of --boot, --image and --device');
  }
  if (boot !== undefined) return mountedPartition(boot);
  if (image !== undefined) {
    if (existsSync(image) && !statSync(image).isFile()) {
      throw new HeadwaterError(
        'USAGE',
        `${image} is no file; a card is named with --device, a mounted partition with --boot`,
      );
    }
    return imagePartition(image);
  }
  const disk = usableDisk(device!);
  process.stdout.write(`${describeDisk(disk)}\n`);
  if (expectSerial !== undefined && disk.serial?.trim() !== expectSerial) {
    throw new HeadwaterError('FLASH_DEVICE', `${device} is left alone: its serial is not ${expectSerial}`);
  }
  if (yes && expectSerial === undefined)
    throw new HeadwaterError('USAGE', '--yes needs --expect-serial, so that only one disk can be meant');
  if (!yes) {
    const terminal = createInterface({ input: process.stdin, output: process.stdout });
    // Where nobody is there to answer, the question would never be.
    const nobody = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
    const answer = await Promise.race([terminal.question('Type the path of this disk to write to it: '), nobody]);
    terminal.close();
    if (answer.trim() !== device)
      throw new HeadwaterError('FLASH_DEVICE', `${device} is left alone: its path was not typed`);
  }
  return imagePartition(device!);
}
