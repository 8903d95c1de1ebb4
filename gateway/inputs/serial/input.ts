import { portName } from '../../config/index.ts';
import type { Input, InputStatus, Receive } from '../input.ts';
import { DeadLetterRate } from './dead-letter-rate.ts';
import { type FramingOptions, openFraming } from './framing.ts';
import { openPort, type Port } from './port.ts';
import { type Health, openReader } from './reader.ts';
import { findUsbPort, type UsbId } from './usb.ts';

export interface SerialOptions extends FramingOptions {
  /** A device file such as `/dev/ttyUSB0`, or `tcp://host:port` for a serial line behind a network server such as ser2net. */
  readonly path?: string | undefined;
  /** The adapter to look for, instead of a path. */
  readonly usb?: UsbId | undefined;
  readonly baudRate: number;
  /** Tell the device of each frame, or numbered line, that is on disk. */
  readonly acknowledge: boolean;
  /** What stands for `/` when USB adapters are looked for. */
  readonly root?: string;
}

const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5_000;

/** Lines or frames from one serial port. A port that is missing or unplugged is tried again until it is there. */
export function serialInput(options: SerialOptions): Input {
  const { path, usb, baudRate, root } = options;
  const source = `serial:${portName(options)}`;
  const now = () => performance.now();
  const counts = { messages: 0, lost: 0, unreadable: 0 };
  const rate = new DeadLetterRate(now());
  let detail = 'opening';
  let port: Port | undefined;
  let health: Health | undefined;
  let retry: NodeJS.Timeout | undefined;
  let retryMs = FIRST_RETRY_MS;
  let closed = false;

  async function attach(receive: Receive): Promise<void> {
    try {
      const at = usb ? findUsbPort(usb, root) : path!;
      const opened = await openPort(at, baudRate);
      if (closed) return opened.close();
      port = opened;
      detail = at === path ? 'open' : `open at ${at}`;
      retryMs = FIRST_RETRY_MS;
      opened.onClosed(tryAgain);
      health = openReader(opened, {
        source,
        framing: openFraming(options),
        acknowledge: options.acknowledge,
        receive,
        counts,
        rate,
        now,
      });
    } catch (error) {
      tryAgain((error as Error).message);
    }

    function tryAgain(why: string): void {
      port = undefined;
      health = undefined;
      detail = closed ? 'closed' : `${why}; trying again`;
      if (closed) return;
      retry = setTimeout(() => void attach(receive), retryMs);
      retryMs = Math.min(retryMs * 2, LAST_RETRY_MS);
    }
  }

  return {
    name: source,
    async start(receive) {
      void attach(receive);
    },
    status(): InputStatus {
      const trouble = health?.();
      return { state: port && !trouble ? 'ok' : 'waiting', detail: trouble ?? detail, ...counts };
    },
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
