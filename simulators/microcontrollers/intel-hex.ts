import { HeadwaterError } from '../../contract/index.ts';

const DATA = 0;
const END = 1;

/**
 * Lays an Intel HEX file out in a memory of `size` bytes, erased cells being 0xff.
 * Throws `firmware.invalid` with the line on a bad record. Only the record types of a chip under 64 KB are known.
 */
export function parseIntelHex(text: string, size: number): Uint8Array<ArrayBuffer> {
  const memory = new Uint8Array(size).fill(0xff);
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line === '') continue;
    const invalid = (why: string) =>
      new HeadwaterError('firmware.invalid', `Line ${index + 1} of the firmware ${why}; build the hex file again.`);
    if (!/^:([0-9A-Fa-f]{2}){5,}$/.test(line)) throw invalid('is not an Intel HEX record');
    const record = Buffer.from(line.slice(1), 'hex');
    if (record.length !== record[0]! + 5) throw invalid('is cut short');
    if (record.reduce((sum, byte) => sum + byte, 0) % 256 !== 0) throw invalid('has a wrong checksum');
    const address = record.readUInt16BE(1);
    const type = record[3]!;
    if (type === END) return memory;
    if (type !== DATA) throw invalid(`has record type ${type}, which a chip of this size does not use`);
    const data = record.subarray(4, -1);
    if (address + data.length > size) throw invalid(`is for address ${address}, past the chip's ${size} bytes`);
    memory.set(data, address);
  }
  throw new HeadwaterError('firmware.invalid', 'The firmware has no end record; build the hex file again.');
}
