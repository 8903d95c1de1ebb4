import type { Alert, Labels } from '../../../contract/index.ts';
import type { Rule } from '../rules.ts';
import { labelsOf } from './matchers.ts';

export interface GroupName {
  /** `rule=device-silent,site=roof`. */
  readonly key: string;
  readonly labels: Labels;
  /** Groups that differ in nothing but their labels' values. */
  readonly family: string;
}

const DEFAULT_GROUP_BY = ['rule', 'site'];
/** Of a label. The name of a group is in each of its notifications, of which Kafka takes no more than 1 MiB. */
const LONGEST = 300;

/** The group an alert belongs to. One whose rule is not known, as from a program of one's own, is grouped as most are. */
export function groupOf(rule: Rule | undefined, alert: Alert): GroupName {
  const groupBy = rule?.groupBy ?? DEFAULT_GROUP_BY;
  const all = labelsOf(alert);
  const named = groupBy.filter((name) => all[name] !== undefined);
  return nameOf(
    Object.fromEntries(named.map((name) => [name, all[name]!.slice(0, LONGEST)])),
    familyOf(groupBy, alert),
  );
}

/** The group for all the alerts of a family that has too many groups. */
export function crowdOf({ family, labels }: GroupName): GroupName {
  const { rule } = labels;
  const name = nameOf(rule === undefined ? {} : { rule }, family);
  return { ...name, key: `${name.key}…` };
}

function familyOf(groupBy: readonly string[], { rule }: Alert): string {
  return groupBy.includes('rule') ? rule : groupBy.join(',');
}

function nameOf(labels: Labels, family: string): GroupName {
  const parts = Object.entries(labels).map(
    ([name, value]) => `${name}=${value.replace(/[%,=]/g, (sign) => encodeURIComponent(sign))}`,
  );
  return { key: parts.join(',') || 'all', labels, family };
}
