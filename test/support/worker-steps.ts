import type { Step } from '../../streams/core/index.ts';
import { type CountingOptions, countingStep } from './counting.ts';
import { type WindowingOptions, windowingSteps } from './windowing.ts';

/** What a process under test can be told to run. */
export type WorkerSteps = CountingOptions | WindowingOptions;

export function stepsOf(options: WorkerSteps): Step[] {
  return 'kind' in options ? windowingSteps(options) : [countingStep(options)];
}
