import { spawnSync } from 'node:child_process';
import { HeadwaterError } from '../../contract/index.ts';

/** A disk as `lsblk` describes it. */
export interface Disk {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly type: string;
  readonly model: string | null;
  readonly serial: string | null;
  readonly ro: boolean;
  readonly mountpoints: readonly (string | null)[];
  readonly children?: readonly Disk[];
}

/**
 * The disk at a path, after a look at whether it may be written to: a whole disk with nothing of it in use.
 * @throws HeadwaterError `FLASH_DEVICE`
 */
export function usableDisk(path: string, describe: (path: string) => Disk | undefined = lsblk): Disk {
  const disk = describe(path);
  const refuse = (why: string) => new HeadwaterError('FLASH_DEVICE', `${path} is left alone: ${why}`);
  if (disk === undefined) throw refuse('it is no disk of this machine');
  if (disk.type !== 'disk') throw refuse(`it is a ${disk.type}, no whole disk`);
  if (disk.ro) throw refuse('it is write-protected');
  const used = mounts(disk);
  if (used.length > 0)
    throw refuse(
      `it is in use at ${used.join(', ')}. Unmount it if it is the card, and mind that it is no disk of this machine`,
    );
  return disk;
}

/** A line to recognise a disk by. */
export function describeDisk({ path, size, model, serial }: Disk): string {
  return `${path}: ${(size / 1e9).toFixed(1)} GB, ${model?.trim() || 'no model'}, serial ${serial?.trim() || 'none'}`;
}

const mounts = ({ mountpoints, children = [] }: Disk): string[] => [
  ...mountpoints.filter((at) => at !== null),
  ...children.flatMap(mounts),
];

function lsblk(path: string): Disk | undefined {
  const columns = 'PATH,SIZE,TYPE,MODEL,SERIAL,RO,MOUNTPOINTS';
  const { stdout, error } = spawnSync('lsblk', ['--json', '--bytes', '--output', columns, path], { encoding: 'utf8' });
  if (error)
    throw new HeadwaterError(
      'FLASH_TOOLS',
      `lsblk could not be started: ${error.message}. Use --boot or --image here.`,
    );
  return stdout === '' ? undefined : (JSON.parse(stdout) as { blockdevices: Disk[] }).blockdevices[0];
}
