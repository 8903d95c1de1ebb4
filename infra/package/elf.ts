import { HeadwaterError } from '../../contract/index.ts';

const PROGRAM_LOAD = 1;
const SECTION_ALLOCATED = 2n;

/**
 * A 64-bit little-endian ELF program without its symbols and debugging sections: what is loaded when it runs stays, byte for byte, and so do the
 * sections that describe that. `strip` would do it for its own architecture only.
 *
 * @throws HeadwaterError `ELF` when it is none
 */
export function stripElf(program: Buffer): Buffer {
  if (program.readUInt32BE(0) !== 0x7f454c46 || program[4] !== 2 || program[5] !== 1) {
    throw new HeadwaterError(
      'ELF',
      'this is no 64-bit little-endian ELF program, so it cannot become a gateway binary',
    );
  }
  const sections = table(program, 0x28, 0x3a);
  const names = sections[program.readUInt16LE(0x3e)]!;
  // The null section, and then a run of those that are loaded: no index in them changes.
  const first = sections.findIndex((section, at) => at > 0 && !(section.readBigUInt64LE(0x08) & SECTION_ALLOCATED));
  const kept = sections.slice(0, first);

  const loaded = table(program, 0x20, 0x36).filter((header) => header.readUInt32LE(0) === PROGRAM_LOAD);
  const end = Math.max(...loaded.map((header) => number(header, 0x08) + number(header, 0x20)));
  const strings = program.subarray(number(names, 0x18), number(names, 0x18) + number(names, 0x20));
  const moved = Buffer.from(names);
  moved.writeBigUInt64LE(BigInt(end), 0x18);
  const gap = Buffer.alloc(-(end + strings.length) & 7);

  const stripped = Buffer.concat([program.subarray(0, end), strings, gap, ...kept, moved]);
  stripped.writeBigUInt64LE(BigInt(end + strings.length + gap.length), 0x28);
  stripped.writeUInt16LE(kept.length + 1, 0x3c);
  stripped.writeUInt16LE(kept.length, 0x3e);
  return stripped;
}

/** The entries of the table whose offset stands at `offsetAt`, and their size and number at `sizeAt`. */
function table(program: Buffer, offsetAt: number, sizeAt: number): Buffer[] {
  const start = number(program, offsetAt);
  const size = program.readUInt16LE(sizeAt);
  const count = program.readUInt16LE(sizeAt + 2);
  return Array.from({ length: count }, (_, at) => program.subarray(start + at * size, start + (at + 1) * size));
}

const number = (bytes: Buffer, at: number): number => Number(bytes.readBigUInt64LE(at));
