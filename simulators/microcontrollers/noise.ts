/** What a serial line does to bytes on a bad day. */

export type Noise = (bytes: Uint8Array) => Uint8Array;

/** Each is the probability, from 0 to 1, that it happens to a byte (`flip`, `drop`) or to a piece of some ten bytes (`cut`, `wrongBaud`). */
export interface NoiseOptions {
  /** One bit is turned over. */
  readonly flip?: number;
  /** The byte is not seen. */
  readonly drop?: number;
  /** All is lost up to and including the next zero, which ends a frame, or to the end of what is sent at once. */
  readonly cut?: number;
  /** The piece is read at half the speed it was sent with. */
  readonly wrongBaud?: number;
  /** Gives numbers from 0 up to 1; pass a seeded one to repeat a test. */
  readonly random?: () => number;
}

const PIECE = 10;
const END_OF_FRAME = 0;

export function noise({ flip = 0, drop = 0, cut = 0, wrongBaud = 0, random = Math.random }: NoiseOptions): Noise {
  return (bytes) => {
    const out: number[] = [];
    let at = 0;
    while (at < bytes.length) {
      const piece = bytes.subarray(at, at + PIECE);
      at += piece.length;
      if (random() < cut) {
        const end = bytes.indexOf(END_OF_FRAME, at - piece.length);
        at = end < 0 ? bytes.length : end + 1;
        continue;
      }
      for (const byte of random() < wrongBaud ? readAtSpeed(piece, 0.5) : piece) {
        if (random() < drop) continue;
        out.push(random() < flip ? byte ^ (1 << Math.floor(random() * 8)) : byte);
      }
    }
    return Uint8Array.from(out);
  };
}

/** What a receiver makes of bytes sent back to back when its speed is `ratio` of the sender's: 8 data bits, one stop bit. */
export function readAtSpeed(bytes: Uint8Array, ratio: number): Uint8Array {
  const bits = [...bytes].flatMap((byte) => [0, ...Array.from({ length: 8 }, (_, bit) => (byte >> bit) & 1), 1]);
  const levelAt = (position: number) => bits[Math.floor(position)] ?? 1;
  const out: number[] = [];
  let position = 0;
  while (position < bits.length) {
    if (levelAt(position) === 1) {
      position += 1;
      continue;
    }
    let byte = 0;
    for (let bit = 0; bit < 8; bit++) byte |= levelAt(position + (bit + 1.5) / ratio) << bit;
    out.push(byte);
    position = Math.ceil(position + 9.5 / ratio);
  }
  return Uint8Array.from(out);
}
