/** What a board really sent and what it was really told, to hold against what the platform says it got. */
import { frameReader } from './frames.ts';

export interface SentFrame {
  readonly device: string;
  readonly boot: string;
  readonly n: number;
  readonly values: Readonly<Record<string, number>>;
  readonly alarm: boolean;
  /** The clock's time when it was first complete on the wire, in ms. */
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

interface Payload {
  readonly device: string;
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
  const answers = frameReader(({ kind, boot, n }) => {
    const frame = kind === 'acknowledgement' ? frames.get(`${boot} ${n}`) : undefined;
    if (frame) frame.acknowledged = true;
  });
  let sentAt = 0;
  const readings = frameReader(({ boot, n, payload }) => {
    const { device, values, alarm, lost }: Payload = JSON.parse(payload);
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
      readings.take(byte);
    },
    received(bytes) {
      for (const byte of bytes) answers.take(byte);
    },
    powerCut() {
      readings.clear();
      answers.clear();
    },
    read: () => ({
      frames: [...frames.values()].map((frame) => ({ ...frame })),
      lost: [...lostByBoot.values()].reduce((sum, lost) => sum + lost, 0),
    }),
  };
}
