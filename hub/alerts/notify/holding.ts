import type { Alert, AlertSilence } from '../../../contract/index.ts';
import type { Rule } from '../rules.ts';
import { fits, labelsOf } from './matchers.ts';

/** Why an alert that fires is not told. */
export type Held = { readonly by: 'silence' | 'inhibition'; readonly id: string };

/** @param now ms since the epoch */
export function isActive({ start, end }: AlertSilence, now: number): boolean {
  return start <= now && now < end;
}

/**
 * Tells what holds an alert back at this moment.
 * @param firing all alerts that fire: one that is held back itself still holds back what follows from it
 */
export function holdings(
  rules: ReadonlyMap<string, Rule>,
  firing: Iterable<Alert>,
  silences: Iterable<AlertSilence>,
  now: number,
): (alert: Alert) => Held | undefined {
  const active = [...silences].filter((silence) => isActive(silence, now));
  const inhibiting = inhibitions(rules, firing);
  return (alert) => {
    const labels = active.length > 0 ? labelsOf(alert) : {};
    const silence = active.find(({ matchers }) => fits(matchers, labels));
    if (silence !== undefined) return { by: 'silence', id: silence.id };
    const cause = inhibiting(alert);
    return cause === undefined ? undefined : { by: 'inhibition', id: cause };
  };
}

/** Gives the id of an alert that fires and from which another follows. */
function inhibitions(rules: ReadonlyMap<string, Rule>, firing: Iterable<Alert>): (alert: Alert) => string | undefined {
  const links = [...rules.values()].flatMap((rule) => rule.inhibitedBy);
  const causes = new Map<string, string>();
  const equals = new Map<string, Set<string>>();
  for (const { rule, equal } of links) {
    const of = equals.get(rule) ?? new Set();
    equals.set(rule, of.add(JSON.stringify(equal)));
  }
  if (equals.size > 0)
    for (const alert of firing)
      for (const equal of equals.get(alert.rule) ?? []) {
        const key = linkOf(alert.rule, JSON.parse(equal), alert);
        if (key !== undefined) causes.set(key, alert.id);
      }
  return (alert) => {
    if (causes.size === 0) return undefined;
    for (const { rule, equal } of rules.get(alert.rule)?.inhibitedBy ?? []) {
      const key = linkOf(rule, equal, alert);
      const cause = key === undefined ? undefined : causes.get(key);
      if (cause !== undefined) return cause;
    }
    return undefined;
  };
}

/** Undefined where the alert lacks one of the labels: what is not known to be the same is not taken for it. */
function linkOf(rule: string, equal: readonly string[], { labels = {} }: Alert): string | undefined {
  if (equal.some((name) => labels[name] === undefined)) return undefined;
  return JSON.stringify([rule, ...equal.map((name) => [name, labels[name]])]);
}
