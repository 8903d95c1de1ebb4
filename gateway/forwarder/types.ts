import type { Producer } from '../../kafka/index.ts';
import type { Buffer } from '../buffer/index.ts';
import type { ForwarderLimits } from './limits.ts';

export interface ForwarderOptions {
  readonly buffer: Buffer;
  /** Opens a producer; called again after every error. */
  readonly kafka: () => Promise<Producer>;
  readonly gateway: string;
  readonly topic: string;
  readonly settings: ForwarderSettings;
  readonly log: {
    info(detail: object, message: string): void;
    warn(detail: object, message: string): void;
  };
  /** Milliseconds since the epoch; the system's unless given. */
  readonly clock?: () => number;
  /** A number from 0 up to 1; Math.random unless given. */
  readonly random?: () => number;
  readonly limits?: Partial<ForwarderLimits>;
}

/** What may change while it runs. */
export interface ForwarderSettings {
  /** Share (0 to 1) of what is sent that the backlog gets while live readings wait too. */
  readonly backlogShare: number;
  /** Upper bound of a batch before compression; below the topic's `max.message.bytes`. */
  readonly batchBytes: number;
  /** How long a batch that is not full waits for more; alarms never wait. */
  readonly lingerMs: number;
}

export interface ForwarderStatus {
  /** `waiting`: Kafka could not be reached or refused; trying again later. */
  readonly state: 'connecting' | 'forwarding' | 'waiting' | 'closed';
  readonly lastAckAt: number | null;
  /** Records sent and not acknowledged. */
  readonly inFlight: number;
  readonly error?: string;
  /** What needs a look although forwarding works. */
  readonly warning?: string;
}

/** `undefined` takes a field away. */
export type StatusChange = { [K in keyof ForwarderStatus]?: ForwarderStatus[K] | undefined };

export interface Forwarder {
  status(): ForwarderStatus;
  /** Takes effect with the next batch. */
  configure(settings: ForwarderSettings): void;
  /**
   * Opens a new producer and goes on with it between two batches; the present one serves until then, and for as long as Kafka refuses the new one.
   * While Kafka is away, it is tried at once.
   */
  reconnect(): void;
  /** Stops within seconds, also when Kafka is away; what is not acknowledged stays in the buffer. */
  close(): Promise<void>;
}
