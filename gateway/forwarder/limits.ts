export interface ForwarderLimits {
  readonly batchRecords: number;
  /** In a steady trickle of batches with fewer records than this, the next one gathers for at least `gatherMs`: a request costs more than its records. */
  readonly smallBatch: number;
  readonly gatherMs: number;
  /** So many of them a second make no steady trickle. */
  readonly smallASecond: number;
  readonly firstRetryMs: number;
  readonly lastRetryMs: number;
  /** How long opening a producer, or one batch, may take with all that kafkajs tries; beyond it the producer is given up. */
  readonly openMs: number;
  readonly sendMs: number;
  /** How long closing waits for what is in flight. */
  readonly closeMs: number;
}

export const LIMITS: ForwarderLimits = {
  batchRecords: 5000,
  smallBatch: 64,
  gatherMs: 700,
  smallASecond: 1,
  firstRetryMs: 100,
  lastRetryMs: 30_000,
  openMs: 60_000,
  sendMs: 120_000,
  closeMs: 2000,
};
/** How long an old producer's end is waited for. */
export const PRODUCER_CLOSE_MS = 1000;
