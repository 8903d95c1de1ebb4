import type { DeviceId, Forget, Outcome } from '../buffer/index.ts';

/** What a device sent, as it came off the wire. */
export interface Message {
  /** The input it came through, as a dead letter's origin begins: `mqtt`, `serial:/dev/ttyUSB0`, `host`. */
  readonly source: string;
  /** MQTT topic; absent where the message is a JSON line, which names its device itself. */
  readonly topic?: string;
  readonly payload: Buffer;
  /** The payload as the object that a JSON line would be, where the input has already taken it apart. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** The device's own id of a message that came as a serial frame or a numbered line. */
  readonly frame?: { readonly boot: string; readonly number: number } | undefined;
  /** The MQTT packet it came in, by which a repeat is known when the payload has no id of its own. */
  readonly packet?:
    | {
        readonly client: string;
        readonly packetId: number;
        readonly dup: boolean;
        /** QoS 2: every message with this id is the same one, until the client has it forgotten. */
        readonly once?: boolean;
      }
    | undefined;
  /** Nothing of it is stored but its id: it was for other devices. */
  readonly passing?: boolean;
  /** Not a message at all: the client will not send its QoS 2 message with this id, or any, again. */
  readonly forget?: Forget;
  /** Whose dead letters are limited together; without it, those of the source are. */
  readonly sender?: string;
  /** Set when the transport already found the message unreadable. */
  readonly problem?: Problem;
}

/** Why something was not understood: a stable code for programs and a sentence for people. */
export interface Problem {
  readonly code: string;
  readonly reason: string;
}

/** What became of a message. `id` is the device's own id of it, if it had one. */
export interface Receipt {
  readonly id: DeviceId | undefined;
  readonly outcome: PromiseLike<Outcome>;
  /** Bytes of memory, about, that what was made of the message takes until its outcome is known. */
  readonly size: number;
}

/** Takes a message over. The input acknowledges it to the device when `outcome` is `stored` or `duplicate`, and only then. */
export interface Receive {
  (message: Message): Receipt;
  /** Whether messages are taken again after one was refused. */
  readonly accepts?: () => Promise<boolean>;
}

/**
 * Hands a message over. One at which the gateway stumbles becomes a dead letter: its device would send it again for ever, and what comes after it
 * would never arrive.
 */
export function handOver(receive: Receive, message: Message): Receipt {
  try {
    return receive(message);
  } catch (error) {
    const reason = `message could not be taken apart: ${(error as Error).message}`;
    return receive({ ...message, problem: { code: 'NOT_UNDERSTOOD', reason } });
  }
}

export interface InputStatus {
  readonly state: 'ok' | 'waiting' | 'failed';
  readonly detail: string;
  /** Messages taken off the wire since the start. */
  readonly messages: number;
  /** Messages that were neither kept nor acknowledged and that their device cannot send again. */
  readonly lost: number;
  /** What noise or a wrong setting made of messages: nothing that could be read, and kept as dead letters only in part. */
  readonly unreadable?: number;
}

/** A way into the gateway. It hands messages over and acknowledges them; what they mean is not its business. */
export interface Input {
  readonly name: string;
  /** Where devices reach it once it was started, such as `mqtt://127.0.0.1:1883`; absent where it does not listen. */
  readonly url?: string;
  /** Begins to listen or to try. Fails only on what trying again cannot mend, such as a taken port. */
  start(receive: Receive): Promise<void>;
  status(): InputStatus;
  /** True: nobody needs what comes before this is called with false, some 350 ms later, so that it may be left unread. */
  rest?(resting: boolean): void;
  /** Takes nothing more and frees its port. What it handed over may still be on its way to the disk. */
  close(): Promise<void>;
}
