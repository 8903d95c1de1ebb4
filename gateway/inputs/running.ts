import type { Input, InputStatus, Receive } from './input.ts';
import type { InputPlan, LoadedInput } from './plan.ts';

/** What a new configuration did to the inputs, by their places in it. */
export interface InputChanges {
  readonly started: readonly string[];
  readonly closed: readonly string[];
  /** Settings that differ and that only a restart can change. */
  readonly needRestart: readonly string[];
}

interface Running {
  readonly plan: InputPlan;
  readonly input: Input;
  readonly loaded: LoadedInput;
}

interface Step {
  readonly plan: InputPlan;
  readonly loaded: LoadedInput;
}

/** The inputs that are open. Only those whose plan changed are closed or opened when the plans do. Its calls must not overlap. */
export class RunningInputs {
  readonly #receive: Receive;
  readonly #running = new Map<string, Running>();
  #lostBefore = 0;

  constructor(receive: Receive) {
    this.#receive = receive;
  }

  /** Messages lost by inputs that were closed since. */
  get lostBefore(): number {
    return this.#lostBefore;
  }

  get inputs(): readonly Input[] {
    return [...this.#running.values()].map(({ input }) => input);
  }

  get certificates(): NonNullable<LoadedInput['certificates']> {
    return [...this.#running.values()].flatMap(({ loaded }) => loaded.certificates ?? []);
  }

  /** Starts them all. @throws HeadwaterError where one cannot be had; those before it run then, until `close` */
  async start(plans: readonly InputPlan[]): Promise<void> {
    for (const step of await loadAll(plans)) {
      const input = step.loaded.open();
      this.#running.set(step.plan.key, { ...step, input });
      await input.start(this.#receive);
    }
  }

  /**
   * Makes the inputs what the plans say. One that cannot be started stands among them as failed, with the reason, until the next time. `before` is
   * called when all that the plans need has been read; what it throws stops it too. `between` is called when what goes is closed, and nothing that
   * comes is open.
   * @throws HeadwaterError where a file that a plan names cannot be used; nothing was changed then
   */
  async apply(plans: readonly InputPlan[], before: () => void, between: () => void): Promise<InputChanges> {
    const steps = await loadAll(plans);
    before();
    const wanted = new Set(plans.map(({ key }) => key));
    const gone = [...this.#running.values()].filter(
      ({ plan, input }) => !wanted.has(plan.key) || input instanceof Failed,
    );
    // Closed first: what comes may need the port or the device file of what goes.
    for (const { plan, input } of gone) {
      this.#running.delete(plan.key);
      await this.#end(input);
    }
    between();
    const started = [];
    const needRestart = [];
    for (const step of steps) {
      const running = this.#running.get(step.plan.key);
      if (running === undefined) {
        started.push(step.plan.at);
        await this.#startOrFail(step);
      } else {
        const { fixed } = running.plan;
        needRestart.push(...Object.keys(fixed).filter((path) => fixed[path] !== step.plan.fixed[path]));
        step.loaded.renew?.(running.input);
        this.#running.set(step.plan.key, { ...step, plan: { ...step.plan, fixed }, input: running.input });
      }
    }
    return { started, closed: gone.map(({ plan }) => plan.at), needRestart };
  }

  /** Takes over what the files of one plan hold now. @throws HeadwaterError where they cannot be used; nothing was changed then */
  async renew(key: string): Promise<void> {
    const running = this.#running.get(key);
    if (running === undefined) return;
    const { plan, input } = running;
    const loaded = await plan.load();
    if (loaded.renew && !(input instanceof Failed)) {
      loaded.renew(input);
      this.#running.set(key, { plan, input, loaded });
    } else {
      await this.#end(input);
      await this.#startOrFail({ plan, loaded });
    }
  }

  /** What runs, with the files whose contents it uses. */
  get plans(): readonly InputPlan[] {
    return [...this.#running.values()].map(({ plan }) => plan);
  }

  /** See `Input.rest`. */
  rest(resting: boolean): void {
    for (const { input } of this.#running.values()) input.rest?.(resting);
  }

  async close(): Promise<void> {
    for (const { input } of [...this.#running.values()].reverse()) await input.close();
  }

  async #end(input: Input): Promise<void> {
    await input.close();
    this.#lostBefore += input.status().lost;
  }

  async #startOrFail({ plan, loaded }: Step): Promise<void> {
    const input = loaded.open();
    this.#running.set(plan.key, { plan, loaded, input });
    try {
      await input.start(this.#receive);
    } catch (error) {
      await input.close().catch(() => {});
      this.#running.set(plan.key, { plan, loaded, input: new Failed(input.name, (error as Error).message) });
    }
  }
}

async function loadAll(plans: readonly InputPlan[]): Promise<Step[]> {
  return Promise.all(plans.map(async (plan) => ({ plan, loaded: await plan.load() })));
}

/** Stands for an input that could not be started. */
class Failed implements Input {
  readonly name: string;
  readonly #detail: string;

  constructor(name: string, detail: string) {
    this.name = name;
    this.#detail = detail;
  }

  async start(): Promise<void> {}

  status(): InputStatus {
    return { state: 'failed', detail: this.#detail, messages: 0, lost: 0 };
  }

  async close(): Promise<void> {}
}
