import type { TaskFigures } from '../core/index.ts';

/** What a task is doing; times in ms, counts since this process was given the partition. */
export interface TaskStatus {
  readonly partition: number;
  readonly state: 'fencing' | 'restoring' | 'running' | 'failed';
  /** Next offset to process, by input topic. */
  readonly positions: Readonly<Record<string, number>>;
  /** Records of all inputs still to be processed, as far as the last fetches tell. */
  readonly lag: number;
  readonly events: number;
  readonly commits: number;
  /** Time all commits took together. */
  readonly commitMs: number;
  /** ms since the epoch. */
  readonly lastCommitAt: number | undefined;
  /** From the beginning of the last start to the first input. */
  readonly restoreMs: number | undefined;
  readonly restarts: number;
  /** Input records that retention deleted before they were processed. */
  readonly missed: number;
  /** Bytes of the state log that a start would read. */
  readonly stateLogBytes: number | undefined;
  /** Of a task that runs, where it can tell. */
  readonly figures: TaskFigures | undefined;
  /** Why the task or its last life failed. */
  readonly error: string | undefined;
}

export interface StepStatus {
  readonly step: string;
  /** `failed`: given up, see `error`; `starting`: not a member of its group at present. */
  readonly state: 'starting' | 'running' | 'failed' | 'closed';
  readonly error: string | undefined;
  readonly tasks: readonly TaskStatus[];
  /** Of all tasks that this process ever had of the step: these only grow. */
  readonly totals: StepTotals;
}

export interface StepTotals {
  readonly events: number;
  readonly commits: number;
  readonly commitMs: number;
  readonly missed: number;
  /** Starts of tasks and of the step itself after a failure. */
  readonly restarts: number;
}

/** What one task counted over all its lives in this process. */
export interface TaskCounts {
  events: number;
  commits: number;
  commitMs: number;
  lastCommitAt: number | undefined;
  restoreMs: number | undefined;
  missed: number;
}
