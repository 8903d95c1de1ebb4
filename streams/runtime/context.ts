import { HeadwaterError } from '../../contract/index.ts';
import type { Admin, KafkaSettings, Shared } from '../../kafka/index.ts';
import type { Step } from '../core/index.ts';
import type { Clock } from './clock.ts';

/** Where the runtime tells what happens; a pino logger is one. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What all tasks of a step share. */
export interface StepContext {
  readonly step: Step;
  readonly stateTopic: string;
  readonly kafka: KafkaSettings;
  /** One connection for all steps of a process. */
  readonly admin: Shared<Admin>;
  readonly clock: Clock;
  readonly log: Log;
}

/** The step's consumer, as far as it concerns one partition. */
export interface PartitionReader {
  readonly partition: number;
  seek(topic: string, offset: number | 'earliest'): Promise<void>;
  pause(topics: readonly string[]): void;
  resume(topics: readonly string[]): void;
}

/** The consumer group of those that run a step. */
export function groupOf(step: Pick<Step, 'id'>): string {
  return `hub.${step.id}`;
}

export function stateTopicOf(step: Pick<Step, 'id'>): string {
  return `hub.${step.id}.state`;
}

const HOPELESS = new Set(['STATE_OF_ANOTHER_DEFINITION', 'STATE_DAMAGED', 'PARTITIONS_DIFFER']);

/** Whether only a person can put it right: everything else may heal, so it is tried again. */
export function isHopeless(error: unknown): error is HeadwaterError {
  return error instanceof HeadwaterError && HOPELESS.has(error.code);
}
