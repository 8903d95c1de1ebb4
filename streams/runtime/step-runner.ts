import type { HeadwaterError } from '../../contract/index.ts';
import { checkTopics } from './check-topics.ts';
import { backOff, pause } from './clock.ts';
import { isHopeless, type StepContext } from './context.ts';
import { Member } from './member.ts';
import type { StepStatus, StepTotals } from './status.ts';

/** Runs one step in this process, through every failure that time may heal. */
export class StepRunner {
  readonly #context: StepContext;
  readonly #onGivenUp: (error: HeadwaterError) => void;
  readonly #end = new AbortController();
  readonly #over: Promise<void>;
  #member: Member | undefined;
  #state: StepStatus['state'] = 'starting';
  #error: string | undefined;
  /** Of tasks that are gone; restarts of the step too. */
  #past: StepTotals = { events: 0, commits: 0, commitMs: 0, missed: 0, restarts: 0 };

  /** `onGivenUp` is called when the step cannot run and trying again is of no use. */
  constructor(context: StepContext, onGivenUp: (error: HeadwaterError) => void) {
    this.#context = context;
    this.#onGivenUp = onGivenUp;
    this.#over = this.#run();
  }

  status(): StepStatus {
    const tasks = this.#member?.status() ?? [];
    return {
      step: this.#context.step.id,
      state: this.#state,
      error: this.#error,
      tasks,
      totals: tasks.reduce(sum, this.#past),
    };
  }

  /** Commits what was processed and leaves the group. */
  async close(): Promise<void> {
    this.#end.abort();
    await this.#over;
  }

  async #run(): Promise<void> {
    const { clock, log, step } = this.#context;
    const { signal } = this.#end;
    let failures = 0;
    while (!signal.aborted) {
      try {
        await checkTopics(this.#context);
        await this.#takePart(() => {
          failures = 0;
        });
      } catch (error) {
        this.#state = 'starting';
        this.#error = error instanceof Error ? error.message : String(error);
        if (isHopeless(error)) {
          this.#state = 'failed';
          return this.#onGivenUp(error);
        }
        this.#past = { ...this.#past, restarts: this.#past.restarts + 1 };
        const waitMs = Math.round(backOff(failures++));
        log.warn({ step: step.id, error: this.#error, waitMs }, 'step stopped; it starts again');
        await pause(clock, waitMs, signal);
      }
    }
    this.#state = 'closed';
  }

  /** Is a member of the group until asked to end. Throws why it stopped being one. */
  async #takePart(onJoined: () => void): Promise<void> {
    const { signal } = this.#end;
    const over = Promise.withResolvers<void>();
    over.promise.catch(() => {});
    const member = await Member.join(this.#context, over.reject, (task) => {
      this.#past = sum(this.#past, task);
    });
    this.#member = member;
    this.#state = 'running';
    this.#error = undefined;
    onJoined();
    const leave = () => over.resolve();
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
    try {
      await over.promise;
    } finally {
      signal.removeEventListener('abort', leave);
      await member.close(signal.aborted);
      this.#member = undefined;
    }
  }
}

function sum(a: StepTotals, b: StepTotals): StepTotals {
  return {
    events: a.events + b.events,
    commits: a.commits + b.commits,
    commitMs: a.commitMs + b.commitMs,
    missed: a.missed + b.missed,
    restarts: a.restarts + b.restarts,
  };
}
