/**
 * The frames of docs/reference/serial-frames.md, written apart from the gateway's: the truth about a board shares no code with what is held
 * against it.
 */
export interface BoardFrame {
  readonly kind: 'reading' | 'acknowledgement';
  readonly boot: string;
  readonly n: number;
  /** JSON of a reading. */
  readonly payload: string;
}

export interface FrameReader {
  take(byte: number): void;
  /** Forgets what came since the last zero. */
  clear(): void;
}

const KINDS = new Map<number, BoardFrame['kind']>([
  [0x11, 'reading'],
  [0x12, 'acknowledgement'],
]);

/** Calls `onFrame` for each frame that came whole. */
export function frameReader(onFrame: (frame: BoardFrame) => void): FrameReader {
  let between: number[] = [];
  return {
    take(byte) {
      if (byte !== 0) {
        between.push(byte);
        return;
      }
      const bytes = unstuff(between);
      between = [];
      const frame = bytes && open(Buffer.from(bytes));
      if (frame) onFrame(frame);
    },
    clear() {
      between = [];
    },
  };
}

/** What a gateway answers when a frame is on its disk. */
export function acknowledge({ boot, n }: Pick<BoardFrame, 'boot' | 'n'>): Uint8Array {
  const bytes = Buffer.from(`12${boot}${n.toString(16).padStart(8, '0')}`, 'hex');
  const sum = checksum(bytes);
  return Uint8Array.from([0, ...stuff([...bytes, sum & 0xff, sum >> 8]), 0]);
}

function open(bytes: Buffer): BoardFrame | undefined {
  if (bytes.length < 11 || checksum(bytes.subarray(0, -2)) !== bytes.readUInt16LE(bytes.length - 2)) return undefined;
  const kind = KINDS.get(bytes[0]!);
  if (kind === undefined) return undefined;
  return {
    kind,
    boot: bytes.toString('hex', 1, 5),
    n: bytes.readUInt32BE(5),
    payload: bytes.toString('utf8', 9, bytes.length - 2),
  };
}

/** COBS, for fewer than 254 bytes. */
function stuff(bytes: readonly number[]): number[] {
  const out: number[] = [];
  for (let from = 0; from <= bytes.length; ) {
    const zero = bytes.indexOf(0, from);
    const end = zero === -1 ? bytes.length : zero;
    out.push(end - from + 1, ...bytes.slice(from, end));
    from = end + 1;
  }
  return out;
}

function unstuff(bytes: readonly number[]): number[] | undefined {
  const out: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes[at]!;
    if (at + length > bytes.length) return undefined;
    out.push(...bytes.slice(at + 1, at + length));
    at += length;
    if (length < 255 && at < bytes.length) out.push(0);
  }
  return out;
}

/** CRC-16/IBM-SDLC. */
function checksum(bytes: Uint8Array): number {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1 ? 0x8408 : 0);
  }
  return crc ^ 0xffff;
}
