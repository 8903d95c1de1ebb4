// Consistent Overhead Byte Stuffing (Cheshire and Baker, IEEE/ACM Transactions on Networking 7(2), 1999): bytes written without a zero, so that a
// zero can end them. Each block begins with its length, itself included; a block shorter than 255 stands for its bytes and a zero, and the zero
// of the last block is not meant.

const LONGEST = 255;

/** At most one byte longer for every 254 begun. */
export function cobsEncode(bytes: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(bytes.length + Math.floor(bytes.length / (LONGEST - 1)) + 1);
  let block = 0;
  let end = 1;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte !== 0) out[end++] = byte;
    const length = end - block;
    // A full block is closed only when something follows it.
    if (byte === 0 || (length === LONGEST && at + 1 < bytes.length)) {
      out[block] = length;
      block = end++;
    }
  }
  out[block] = end - block;
  return out.subarray(0, end);
}

/** What was encoded; undefined when a block reaches past the end, or a byte is zero. `bytes` is what stood between two zeros. */
export function cobsDecode(bytes: Uint8Array): Buffer | undefined {
  const out = Buffer.allocUnsafe(bytes.length);
  let end = 0;
  let at = 0;
  while (at < bytes.length) {
    const length = bytes[at]!;
    const block = at + length;
    if (length === 0 || block > bytes.length) return undefined;
    for (at++; at < block; at++) {
      const byte = bytes[at]!;
      if (byte === 0) return undefined;
      out[end++] = byte;
    }
    if (length < LONGEST && at < bytes.length) out[end++] = 0;
  }
  return out.subarray(0, end);
}
