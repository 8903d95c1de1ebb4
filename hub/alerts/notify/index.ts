import {
  type Alert,
  type AlertSilence,
  CONTRACT_VERSION,
  decode,
  encode,
  HEADER,
  type Notification,
  TOPICS,
} from '../../../contract/index.ts';
import {
  compile,
  from,
  type InputRecord,
  job,
  literal,
  merge,
  type OutputRecord,
  type StateChange,
  type Step,
  type Task,
} from '../../../streams/core/index.ts';
import { loadRules, type Rule } from '../rules.ts';
import { type Saved, Teller, type TellingTimes } from './teller.ts';

export { type Held, holdings, isActive } from './holding.ts';
export { fits, labelsOf, parseMatcher, showMatcher } from './matchers.ts';
export type { TellingTimes } from './teller.ts';

export const DEFAULT_TIMES: TellingTimes = { groupWaitMs: 15_000, groupIntervalMs: 60_000, repeatMs: 14_400_000 };

type Fact = { readonly alert: Alert } | { readonly silence: AlertSilence };

/**
 * The steps that tell of alerts: one that brings all alerts and silences of the platform to one place, and one that sees them there, whatever the number of
 * hubs. That one is written by hand, as no declaration has a state of several kinds with parts of their own in the checkpoint.
 */
export function notifySteps(times: TellingTimes = DEFAULT_TIMES, rules: readonly Rule[] = loadRules()): Step[] {
  const alerts = from<Alert>(TOPICS.alerts).map<Fact>((alert) => ({ alert }));
  const silences = from<AlertSilence>(TOPICS.alertSilences).map<Fact>((silence) => ({ silence }));
  const gathered = merge(alerts, silences).keyBy('all', literal('all'), { partitions: 1 });
  const [gather, tell] = compile(job('notify', gathered.into(TOPICS.notifications)));
  return [gather!, { ...tell!, fingerprint: '1', createTask: () => new NotifyTask(new Teller(rules, times)) }];
}

/** Nothing is told while much is still to be read, which may be the end of what is about to be told; but not for ever. */
const LONGEST_BEHIND_MS = 60_000;

class NotifyTask implements Task {
  readonly #teller: Teller;
  #outputs: OutputRecord[] = [];
  #behindSince: number | null = null;

  constructor(teller: Teller) {
    this.#teller = teller;
  }

  process(_topic: string, { value }: InputRecord): void {
    const fact = decode(value) as Partial<Record<'alert' | 'silence', unknown>> | undefined;
    // The step before has checked them.
    if (fact?.alert !== undefined) this.#teller.onAlert(fact.alert as Alert);
    else if (fact?.silence !== undefined) this.#teller.onSilence(fact.silence as AlertSilence);
  }

  tick(now: number, behind: (topic: string) => boolean = () => false): void {
    if (behind(GATHERED)) {
      this.#behindSince ??= now;
      if (now - this.#behindSince < LONGEST_BEHIND_MS) return;
    } else this.#behindSince = null;
    for (const notification of this.#teller.tick(now)) this.#outputs.push(outputOf(notification));
  }

  takeOutputs(): OutputRecord[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  *takeChanges(): Iterable<StateChange> {
    for (const saved of this.#teller.takeChanges()) yield changeOf(saved);
  }

  *snapshot(): Iterable<StateChange> {
    for (const saved of this.#teller.snapshot()) yield changeOf(saved);
  }

  restore(changes: Iterable<StateChange>): void {
    this.#teller.restore(
      Array.from(changes, ({ key, value }) => {
        const at = key.indexOf('/');
        return { of: key.slice(0, at), id: key.slice(at + 1), value } as Saved;
      }),
    );
  }
}

const GATHERED = 'hub.notify.by-all';

function changeOf({ of, id, value }: Saved): StateChange {
  return { key: `${of}/${id}`, value };
}

function outputOf(notification: Notification): OutputRecord {
  return {
    topic: TOPICS.notifications.name,
    key: notification.group,
    value: encode(notification),
    headers: { [HEADER.version]: CONTRACT_VERSION },
  };
}
