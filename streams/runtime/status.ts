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
  /** Why the task or its last life failed. */
  readonly error: string | undefined;
}

export interface StepStatus {
  readonly step: string;
  /** `failed`: given up, see `error`; `starting`: not a member of its group at present. */
  readonly state: 'starting' | 'running' | 'failed' | 'closed';
  readonly error: string | undefined;
  readonly tasks: readonly TaskStatus[];
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
