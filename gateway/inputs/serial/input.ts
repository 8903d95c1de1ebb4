import type { Input, Receive } from '../input.ts';
import { LineSplitter } from './lines.ts';
import { openPort, type Port } from './port.ts';

export interface SerialOptions {
  /** A device file such as `/dev/ttyUSB0`, or `tcp://host:port` for a serial line behind a network server such as ser2net. */
  readonly path: string;
  readonly baudRate: number;
  /** Answer `ACK <boot> <n>` to each frame that is on disk. */
  readonly acknowledge: boolean;
}

/** Longest line in bytes, its LF not counted. */
const MAX_LINE = 1_024;
/** Lines handed over and not yet on disk, beyond which the port is not read. */
const MAX_PENDING = 256;
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5_000;

/** JSON lines from one serial port. A port that is missing or unplugged is tried again until it is there. */
export function serialInput({ path, baudRate, acknowledge }: SerialOptions): Input {
  const source = `serial:${path}`;
  const counts = { messages: 0, lost: 0 };
  let state: 'ok' | 'waiting' = 'waiting';
  let detail = 'opening';
  let port: Port | undefined;
  let retry: NodeJS.Timeout | undefined;
  let retryMs = FIRST_RETRY_MS;
  let closed = false;

  async function attach(receive: Receive): Promise<void> {
    try {
      const opened = await openPort(path, baudRate);
      if (closed) return opened.close();
      port = opened;
      state = 'ok';
      detail = 'open';
      retryMs = FIRST_RETRY_MS;
      opened.onClosed(tryAgain);
      read(opened, receive);
    } catch (error) {
      tryAgain((error as Error).message);
    }

    function tryAgain(why: string): void {
      port = undefined;
      state = 'waiting';
      detail = closed ? 'closed' : `${why}; trying again`;
      if (closed) return;
      retry = setTimeout(() => void attach(receive), retryMs);
      retryMs = Math.min(retryMs * 2, LAST_RETRY_MS);
    }
  }

  function read(from: Port, receive: Receive): void {
    let pending = 0;

    async function handOver(line: Buffer, tooLong: boolean): Promise<void> {
      counts.messages++;
      if (++pending >= MAX_PENDING) from.stream.pause();
      const problem = { code: 'LINE_TOO_LONG', reason: `line is longer than ${MAX_LINE} bytes; it was cut off` };
      const { id, outcome } = receive({ source, payload: line, ...(tooLong && { problem }) });
      const frame = acknowledge && id?.kind === 'frame' ? id : undefined;
      const result = await outcome;
      if (--pending < MAX_PENDING) from.stream.resume();
      if (result === 'refused') counts.lost += frame ? 0 : 1;
      else if (frame && from === port) from.stream.write(`ACK ${frame.boot} ${frame.number}\n`);
    }

    const lines = new LineSplitter(MAX_LINE, (line, tooLong) => {
      handOver(line, tooLong).catch(() => from.close());
    });
    from.stream.on('data', (chunk: Buffer) => lines.push(chunk));
  }

  return {
    name: source,
    async start(receive) {
      void attach(receive);
    },
    status: () => ({ state, detail, ...counts }),
    async close() {
      closed = true;
      clearTimeout(retry);
      const opened = port;
      if (opened === undefined) return;
      await new Promise<void>((resolve) => {
        opened.onClosed(() => resolve());
        opened.close();
      });
    },
  };
}
