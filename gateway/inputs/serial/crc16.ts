// CRC-16/IBM-SDLC, also known as CRC-16/X-25, the frame check of HDLC and PPP: polynomial 0x1021 reflected, begun with 0xFFFF, inverted at the
// end; 0x906E for "123456789". Source: the catalogue of parametrised CRC algorithms (reveng.sourceforge.io). Inverted, because otherwise a frame
// whose checksum ends in a zero is still a good one when that zero is lost.

const POLYNOMIAL = 0x8408;
const START = 0xffff;
const INVERT = 0xffff;

const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ POLYNOMIAL : crc >> 1;
  return crc;
});

/** The CRC-16 of bytes, from 0 to 0xFFFF. */
export function crc16(bytes: Uint8Array): number {
  let crc = START;
  for (let at = 0; at < bytes.length; at++) crc = (crc >> 8) ^ TABLE[(crc ^ bytes[at]!) & 0xff]!;
  return crc ^ INVERT;
}
