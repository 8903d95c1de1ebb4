import { closeSync, openSync, readSync } from 'node:fs';
import { HeadwaterError } from '../../contract/index.ts';

const SECTOR = 512;
/** What an MBR calls FAT partitions: FAT32 with and without LBA, FAT16 likewise. */
const FAT_TYPES = [0x0b, 0x0c, 0x06, 0x0e];
const GPT_TYPE = 0xee;
/** Microsoft basic data and EFI system, as a GPT holds them. */
const GPT_FAT_TYPES = ['a2a0d0ebe5b9334487c068b6b72699c7', '28732ac11ff8d211ba4b00a0c93ec93b'];

/**
 * Bytes from the start of an image or disk to its first FAT partition, by its MBR or GPT.
 * @throws HeadwaterError `FLASH_IMAGE` where there is none
 */
export function fatPartitionAt(file: string): number {
  const fd = openSync(file, 'r');
  try {
    const first = read(fd, 0, SECTOR);
    if (first.readUInt16LE(510) !== 0xaa55) throw noPartition(file, 'it has no partition table');
    const entries = [0, 1, 2, 3].map((n) => first.subarray(446 + 16 * n, 462 + 16 * n));
    const at = entries.some((entry) => entry[4] === GPT_TYPE)
      ? inGpt(fd)
      : entries.find((entry) => FAT_TYPES.includes(entry[4]!))?.readUInt32LE(8);
    if (!at) throw noPartition(file, 'its partition table names no FAT partition');
    return at * SECTOR;
  } finally {
    closeSync(fd);
  }
}

/** Its first sector. */
function inGpt(fd: number): number | undefined {
  const header = read(fd, SECTOR, SECTOR);
  const size = header.readUInt32LE(84);
  const count = Math.min(header.readUInt32LE(80), 128);
  const table = read(fd, Number(header.readBigUInt64LE(72)) * SECTOR, size * count);
  for (let at = 0; at + 40 <= table.length && size >= 128; at += size) {
    if (GPT_FAT_TYPES.includes(table.toString('hex', at, at + 16))) return Number(table.readBigUInt64LE(at + 32));
  }
  return undefined;
}

function read(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  readSync(fd, bytes, 0, length, position);
  return bytes;
}

const noPartition = (file: string, why: string): HeadwaterError =>
  new HeadwaterError('FLASH_IMAGE', `${file} is no image of Raspberry Pi OS: ${why}. Unpack an .img.xz first.`);
