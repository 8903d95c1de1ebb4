import { isSeq, parseDocument } from 'yaml';
import { HeadwaterError } from '../../contract/index.ts';
import type { BootPartition } from './boot-partition.ts';
import { firstBootScript, type MachineSettings, RUN_WORDS } from './first-boot.ts';
import type { Progress } from './progress.ts';

export { type BootPartition, imagePartition, mountedPartition } from './boot-partition.ts';
export { type Disk, describeDisk, usableDisk } from './device.ts';
export { type MachineSettings, wifiProfile } from './first-boot.ts';
export { configurationFiles } from './payload.ts';
export { type Progress, progressPrinter } from './progress.ts';

/** The folder of everything that is put on the boot partition. */
const FOLDER = 'headwater';
const USER_DATA = 'user-data';
const CMDLINE = 'cmdline.txt';

export interface FlashOptions {
  readonly boot: BootPartition;
  /** The Debian package for arm64. */
  readonly deb: Buffer;
  /** By their paths below /etc/headwater. */
  readonly files: ReadonlyMap<string, Buffer>;
  readonly machine: MachineSettings;
  readonly onProgress: (progress: Progress) => void;
}

/**
 * Puts a gateway on the boot partition of a Raspberry Pi OS: the package, the configuration with its secrets, and what installs them at the first
 * boot. Everything is read back and compared. Doing it again replaces what was there.
 *
 * @throws HeadwaterError `FLASH_IMAGE` where it is no Raspberry Pi OS or one that is too old, `FLASH_WRITE`, `FLASH_VERIFY`
 */
export async function flash({ boot, deb, files, machine, onProgress }: FlashOptions): Promise<void> {
  const cmdline = boot.read(CMDLINE);
  const config = boot.read('config.txt')?.toString();
  if (cmdline === undefined || config === undefined) {
    throw new HeadwaterError(
      'FLASH_IMAGE',
      `${boot.name} is no boot partition of Raspberry Pi OS: it has no ${CMDLINE} and config.txt`,
    );
  }
  // Every image has this line since Debian 12. Before, the boot partition was at /boot: the script would not be found, again at each boot.
  if (!/^\s*auto_initramfs\s*=\s*1\b/m.test(config)) {
    throw new HeadwaterError(
      'FLASH_IMAGE',
      `${boot.name} is of a Raspberry Pi OS before Debian 12: its config.txt has no line auto_initramfs=1. Write a newer one to it.`,
    );
  }
  const put = async (path: string, content: Buffer) => {
    const tell = (written: number) => onProgress({ path, size: content.length, written });
    tell(0);
    await boot.write(path, content, tell);
    if (boot.read(path)?.equals(content)) return;
    throw new HeadwaterError(
      'FLASH_VERIFY',
      `${boot.name}: ${path} does not read back as it was written. The card may be worn out; take another.`,
    );
  };
  await put(`${FOLDER}/gateway.deb`, deb);
  for (const [path, content] of files) await put(`${FOLDER}/config/${path}`, content);
  await put(`${FOLDER}/first-boot.sh`, Buffer.from(firstBootScript(machine)));
  // What starts the rest comes last: a card that was pulled out too early boots as it did before.
  const userData = boot.read(USER_DATA);
  if (userData !== undefined) await put(USER_DATA, withFirstBoot(userData, boot.name));
  else await put(CMDLINE, runOnce(cmdline));
}

/** Raspberry Pi OS from Debian 13 on sets itself up by cloud-init; what stands there already, such as Raspberry Pi Imager's settings, stays. */
function withFirstBoot(userData: Buffer, name: string): Buffer {
  const document = parseDocument(userData.toString());
  if (document.errors.length > 0) {
    throw new HeadwaterError('FLASH_IMAGE', `${name}: ${USER_DATA} is no YAML: ${document.errors[0]!.message}`);
  }
  const command = `sh /boot/firmware/${FOLDER}/first-boot.sh`;
  const commands = document.get('runcmd');
  // cloud-init's own example is a file of comments only.
  if (document.contents === null) return Buffer.from(`#cloud-config\n${userData}\nruncmd:\n  - ${command}\n`);
  if (!isSeq(commands)) document.set('runcmd', [command]);
  else if (!(commands.toJSON() as unknown[]).includes(command)) commands.add(command);
  const text = document.toString();
  return Buffer.from(text.startsWith('#cloud-config') ? text : `#cloud-config\n${text}`);
}

/** Before that, systemd runs a script that the kernel's command line names. Debian 12 has the partition at /boot/firmware. */
function runOnce(cmdline: Buffer): Buffer {
  const line = cmdline.toString().trimEnd();
  const words = RUN_WORDS(`/boot/firmware/${FOLDER}/first-boot.sh`);
  return Buffer.from(`${line.endsWith(words) ? line : line + words}\n`);
}
