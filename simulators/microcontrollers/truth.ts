/** What a board really sent and what it was really told, to hold against what the platform says it got. */

export interface SentFrame {
  readonly device: string;
  readonly boot: string;
  readonly n: number;
  readonly values: Readonly<Record<string, number>>;
  readonly alarm: boolean;
  /** The clock's time when the line was first complete on the wire, in ms. */
  readonly firstSentAt: number;
  readonly timesSent: number;
  /** An intact acknowledgement has reached the chip. */
  readonly acknowledged: boolean;
}

export interface Truth {
  /** Every frame of every power-up, in the order of first sending. */
  readonly frames: readonly SentFrame[];
  /** Frames given up unacknowledged, over all power-ups, as far as the board has said so. */
  readonly lost: number;
}

interface Line {
  readonly device: string;
  readonly boot: string;
  readonly n: number;
  readonly values: Record<string, number>;
  readonly alarm?: boolean;
  readonly lost?: number;
}

export interface TruthLog {
  /** A byte that left the chip, before any noise of the line. */
  sent(byte: number, at: number): void;
  /** Bytes that reached the chip, after any noise of the line. */
  received(bytes: Uint8Array): void;
  /** Power is cut: what was half sent or half received is gone. */
  powerCut(): void;
  read(): Truth;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export function createTruthLog(): TruthLog {
  const frames = new Map<string, Mutable<SentFrame>>();
  const lostByBoot = new Map<string, number>();
  const answers = lineReader((line) => {
    const answer = /^ACK ([0-9a-f]{8}) (\d{1,10})\r?$/.exec(line);
    const frame = answer && frames.get(`${answer[1]} ${Number(answer[2])}`);
    if (frame) frame.acknowledged = true;
  });
  let sentAt = 0;
  const lines = lineReader((text) => {
    const { device, boot, n, values, alarm, lost }: Line = JSON.parse(text);
    const key = `${boot} ${n}`;
    const frame = frames.get(key);
    if (frame) frame.timesSent++;
    else {
      const first = { device, boot, n, values, alarm: alarm ?? false, firstSentAt: sentAt };
      frames.set(key, { ...first, timesSent: 1, acknowledged: false });
    }
    lostByBoot.set(boot, Math.max(lost ?? 0, lostByBoot.get(boot) ?? 0));
  });
  return {
    sent(byte, at) {
      sentAt = at;
      lines.take(byte);
    },
    received(bytes) {
      for (const byte of bytes) answers.take(byte);
    },
    powerCut() {
      lines.clear();
      answers.clear();
    },
    read: () => ({
      frames: [...frames.values()].map((frame) => ({ ...frame })),
      lost: [...lostByBoot.values()].reduce((sum, lost) => sum + lost, 0),
    }),
  };
}

function lineReader(onLine: (line: string) => void) {
  let line = '';
  return {
    take(byte: number) {
      if (byte !== 0x0a) {
        line += String.fromCharCode(byte);
        return;
      }
      const whole = line;
      line = '';
      onLine(whole);
    },
    clear() {
      line = '';
    },
  };
}
