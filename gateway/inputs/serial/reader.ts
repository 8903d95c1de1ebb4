import { handOver, type Receive } from '../input.ts';
import type { DeadLetterRate } from './dead-letter-rate.ts';
import type { Content, Framing } from './framing.ts';
import type { Port } from './port.ts';
import { Splitter } from './splitter.ts';

export interface ReaderOptions {
  readonly source: string;
  readonly framing: Framing;
  readonly acknowledge: boolean;
  readonly receive: Receive;
  /** Of the input, over all the times its port was open; added to here. */
  readonly counts: { messages: number; lost: number; unreadable: number };
  readonly rate: DeadLetterRate;
  /** ms, of the same beginning as those of `rate`. */
  readonly now: () => number;
}

/** What is wrong with an open port, if anything. */
export type Health = () => string | undefined;

/** Longest line or frame in bytes, its delimiter not counted. */
const MAX_BYTES = 1_024;
/** Messages handed over and not yet on disk, beyond which the port is not read. */
const MAX_PENDING = 256;
/** Bytes of answers that the other side has not read, beyond which it gets none: it will send again what it misses. */
const MAX_UNREAD = 65_536;
/** Bytes that come for so long and make nothing valid are not the half line that an opened port begins with. */
const SUSPICIOUS_MS = 10_000;

/** Reads an open port until it closes, and answers what is on disk. */
export function openReader(port: Port, options: ReaderOptions): Health {
  const { source, framing, acknowledge, receive, counts, rate, now } = options;
  let pending = 0;
  let open = true;
  /** Since the last valid line or frame: how many bytes came, and when the first and the last of them. */
  let since: { bytes: number; readonly firstAt: number; lastAt: number } | undefined;

  function read(part: Buffer, tooLong: boolean): void {
    const content = tooLong ? cutOff(part) : framing.read(part);
    if (content === undefined) return;
    counts.messages++;
    if (content.fields || content.frame) {
      since = undefined;
      take(content).catch(() => port.close());
      return;
    }
    counts.unreadable++;
    const held = rate.next(now());
    if (held === undefined) return;
    const { code, reason } = content.problem!;
    const more = held === 0 ? '' : `; ${held} more unreadable ones since the last dead letter were only counted`;
    take({ ...content, problem: { code, reason: reason + more } }).catch(() => port.close());
  }

  async function take(content: Content): Promise<void> {
    if (++pending >= MAX_PENDING) port.stream.pause();
    const result = await handOver(receive, { source, ...content }).outcome;
    if (--pending < MAX_PENDING) port.stream.resume();
    const frame = acknowledge ? content.frame : undefined;
    if (result === 'refused') counts.lost += frame || !content.fields ? 0 : 1;
    else if (frame && open && port.stream.writableLength < MAX_UNREAD) {
      port.stream.write(framing.acknowledgement(frame));
    }
  }

  const splitter = new Splitter(framing.delimiter, MAX_BYTES, read);
  port.onClosed(() => {
    open = false;
  });
  port.stream.on('data', (chunk: Buffer) => {
    const at = now();
    since ??= { bytes: 0, firstAt: at, lastAt: at };
    since.bytes += chunk.length;
    since.lastAt = at;
    splitter.push(chunk);
  });

  return () => {
    if (since === undefined || since.lastAt - since.firstAt < SUSPICIOUS_MS) return undefined;
    const unit = framing.delimiter === 0 ? 'frame' : 'line';
    const seconds = Math.floor((now() - since.firstAt) / 1_000);
    return `no valid ${unit} for ${seconds} s, though ${since.bytes} bytes came: wrong baud rate?`;
  };
}

function cutOff(payload: Buffer): Content {
  const problem = { code: 'LINE_TOO_LONG', reason: `line or frame is longer than ${MAX_BYTES} bytes; it was cut off` };
  return { payload, problem };
}
