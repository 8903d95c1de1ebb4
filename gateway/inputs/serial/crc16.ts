// CRC-16/IBM-3740, which many call CRC-16/CCITT-FALSE: polynomial 0x1021, begun with 0xFFFF, nothing reflected or inverted; 0x29B1 for
// "123456789". Source: the catalogue of parametrised CRC algorithms (reveng.sourceforge.io).

const POLYNOMIAL = 0x1021;
const START = 0xffff;

const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ POLYNOMIAL : crc << 1;
  return crc;
});

/** The CRC-16 of bytes, from 0 to 0xFFFF. */
export function crc16(bytes: Uint8Array): number {
  let crc = START;
  for (let at = 0; at < bytes.length; at++) crc = ((crc << 8) & 0xffff) ^ TABLE[(crc >> 8) ^ bytes[at]!]!;
  return crc;
}
