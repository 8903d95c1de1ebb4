/**
 * Decides what is told of alerts, and when. Pure: alerts and silences come in, the time comes by `tick`, notifications come out.
 *
 * - An alert that fires and is not held back is told: with its group, `groupWaitMs` after the first of the group, or `groupIntervalMs` after the group was told last.
 * - It is told once. Only when nothing else happened in its group for `repeatMs` is the group told again, marked as repeated.
 * - Its end is told once where it was told itself. One that was over before its group was told is told as what it is: over.
 * - One that is held back (see holding.ts) is told when nothing holds it any more and it still fires; one that was over by then never was.
 * - The end of what was told before it was held back is told all the same: a receiver would else take it for firing for ever.
 * - All that is fresh or over is listed, in as many notifications as that takes. What was told before is listed where there is room, but all of it at least once
 *   in `repeatMs`: a receiver such as Alertmanager takes for over what it is not told of.
 * - A family of groups has at most MOST_GROUPS; what would make more is told in one for all of them.
 */
import type { Alert, AlertSilence, Notification } from '../../../contract/index.ts';
import type { Rule } from '../rules.ts';
import { crowdOf, type GroupName, groupOf } from './groups.ts';
import { holdings } from './holding.ts';
import { makeNotifications, type News } from './notification.ts';

export interface TellingTimes {
  readonly groupWaitMs: number;
  readonly groupIntervalMs: number;
  readonly repeatMs: number;
}

/** An alert that fires, or is over and not told so. */
export interface Entry {
  readonly alert: Alert;
  readonly group: string;
  readonly told: boolean;
  /** Whether it was ever held back while it fired; null until that was looked at. */
  readonly held: boolean | null;
}

export interface Group extends GroupName {
  /** Null before the first time. */
  readonly toldAt: number | null;
  /** When all of it was listed last; absent where that is `toldAt`. */
  readonly wholeAt?: number;
  /** When there is something to tell: when that will be. */
  readonly dueAt: number | null;
}

export type Saved =
  | { readonly of: 'entry'; readonly id: string; readonly value: Entry | undefined }
  | { readonly of: 'group'; readonly id: string; readonly value: Group | undefined }
  | { readonly of: 'silence'; readonly id: string; readonly value: AlertSilence | undefined }
  | { readonly of: 'last'; readonly id: string; readonly value: number };

const MOST_GROUPS = 50;
/** A silence is forgotten so long after its end. */
const SILENCE_KEPT_MS = 7 * 86_400_000;

export class Teller {
  readonly #rules: ReadonlyMap<string, Rule>;
  readonly #times: TellingTimes;
  readonly #entries = new Map<string, Entry>();
  readonly #groups = new Map<string, Group>();
  /** Ids of the entries of each group. */
  readonly #members = new Map<string, Set<string>>();
  readonly #families = new Map<string, number>();
  readonly #silences = new Map<string, AlertSilence>();
  readonly #changed = new Map<string, Pick<Saved, 'of' | 'id'>>();
  /** `ts` of the last notification. */
  #last = 0;

  constructor(rules: readonly Rule[], times: TellingTimes) {
    this.#rules = new Map(rules.map((rule) => [rule.id, rule]));
    this.#times = times;
  }

  onAlert(alert: Alert): void {
    const before = this.#entries.get(alert.id);
    if (alert.state === 'pending') return;
    if (before === undefined) {
      // The end of what was not known to fire is nothing to tell.
      if (alert.state === 'firing') this.#enter(alert);
      return;
    }
    if (before.alert.state === 'resolved') return;
    if (alert.state === 'resolved' && !before.told && before.held) this.#setEntry(alert.id, undefined);
    else this.#setEntry(alert.id, { ...before, alert });
  }

  onSilence(silence: AlertSilence): void {
    this.#silences.set(silence.id, silence);
    this.#change('silence', silence.id);
  }

  /** What is to be told now. @param now ms since the epoch */
  tick(now: number): Notification[] {
    for (const { id, end } of this.#silences.values())
      if (end < now - SILENCE_KEPT_MS) {
        this.#silences.delete(id);
        this.#change('silence', id);
      }
    const firing = [...this.#entries.values()].flatMap(({ alert }) => (alert.state === 'firing' ? [alert] : []));
    const heldBy = holdings(this.#rules, firing, this.#silences.values(), now);
    const isHeld = (alert: Alert) => heldBy(alert) !== undefined;
    return [...this.#groups.values()].flatMap((group) => this.#tell(group, isHeld, now));
  }

  #tell(before: Group, isHeld: (alert: Alert) => boolean, now: number): Notification[] {
    const { groupWaitMs, groupIntervalMs, repeatMs } = this.#times;
    const group = notAhead(before, now, this.#times);
    const fresh: Alert[] = [];
    const known: Alert[] = [];
    const over: Alert[] = [];
    for (const id of this.#members.get(group.key)!) {
      const entry = this.#entries.get(id)!;
      const { alert, told } = entry;
      const fires = alert.state === 'firing';
      const held = !fires && (told || entry.held === false) ? false : isHeld(alert);
      if (!fires) {
        if (held) this.#setEntry(id, undefined);
        else over.push(alert);
        continue;
      }
      const everHeld = entry.held === true || held;
      if (!told && everHeld !== entry.held) this.#setEntry(id, { ...entry, held: everHeld });
      if (!held) (told ? known : fresh).push(alert);
    }
    if (fresh.length + over.length === 0) {
      if (group.toldAt !== null && known.length > 0 && now >= group.toldAt + repeatMs) {
        return this.#told(group, { fresh, over, known, repeated: true }, now);
      }
      if (this.#members.get(group.key)!.size === 0 && now >= (group.toldAt ?? 0) + groupIntervalMs) {
        this.#setGroup(group.key, undefined);
      } else if (group.dueAt !== null || group !== before) this.#setGroup(group.key, { ...group, dueAt: null });
      return [];
    }
    const earliest = now + groupWaitMs;
    const dueAt =
      group.dueAt ?? (group.toldAt === null ? earliest : Math.max(earliest, group.toldAt + groupIntervalMs));
    if (now >= dueAt) return this.#told(group, { fresh, over, known, repeated: false }, now);
    if (dueAt !== before.dueAt || group !== before) this.#setGroup(group.key, { ...group, dueAt });
    return [];
  }

  #told(group: Group, what: News, now: number): Notification[] {
    for (const { id } of what.fresh) this.#setEntry(id, { ...this.#entries.get(id)!, told: true });
    for (const { id } of what.over) this.#setEntry(id, undefined);
    const { repeatMs } = this.#times;
    const wholeAt = Math.min(group.wholeAt ?? group.toldAt ?? now, now);
    const whole = what.repeated || now >= wholeAt + repeatMs;
    const ts = Math.max(now, this.#last + 1);
    const notifications = makeNotifications(group, what, { ts, repeatMs, whole });
    const listed = notifications.reduce((sum, { alerts }) => sum + alerts.length, 0);
    const { wholeAt: _, ...plain } = group;
    const isWhole = listed === what.fresh.length + what.over.length + what.known.length;
    this.#setGroup(group.key, { ...plain, ...(!isWhole && { wholeAt }), toldAt: now, dueAt: null });
    this.#last = notifications.at(-1)!.ts;
    this.#change('last', '');
    return notifications;
  }

  #enter(alert: Alert): void {
    const wanted = groupOf(this.#rules.get(alert.rule), alert);
    const isFull = (this.#families.get(wanted.family) ?? 0) >= MOST_GROUPS;
    const group = isFull && !this.#groups.has(wanted.key) ? crowdOf(wanted) : wanted;
    if (!this.#groups.has(group.key)) this.#setGroup(group.key, { ...group, toldAt: null, dueAt: null });
    this.#setEntry(alert.id, { alert, group: group.key, told: false, held: null });
  }

  #setEntry(id: string, entry: Entry | undefined): void {
    const before = this.#entries.get(id);
    if (before !== undefined && before.group !== entry?.group) this.#members.get(before.group)?.delete(id);
    if (entry === undefined) this.#entries.delete(id);
    else {
      this.#entries.set(id, entry);
      this.#membersOf(entry.group).add(id);
    }
    this.#change('entry', id);
  }

  #setGroup(key: string, group: Group | undefined): void {
    const before = this.#groups.get(key);
    const family = (group ?? before)?.family;
    // Restored: it came and went between two commits.
    if (family === undefined) return;
    const count = this.#families.get(family) ?? 0;
    if (group === undefined) {
      this.#groups.delete(key);
      this.#members.delete(key);
      if (count <= 1) this.#families.delete(family);
      else this.#families.set(family, count - 1);
    } else {
      this.#groups.set(key, group);
      this.#membersOf(key);
      if (before === undefined) this.#families.set(family, count + 1);
    }
    this.#change('group', key);
  }

  #membersOf(key: string): Set<string> {
    let members = this.#members.get(key);
    if (members === undefined) {
      members = new Set();
      this.#members.set(key, members);
    }
    return members;
  }

  #change(of: Saved['of'], id: string): void {
    this.#changed.set(`${of}/${id}`, { of, id });
  }

  /** What changed since the last call. */
  *takeChanges(): Iterable<Saved> {
    for (const { of, id } of this.#changed.values()) yield this.#saved(of, id);
    this.#changed.clear();
  }

  *snapshot(): Iterable<Saved> {
    for (const id of this.#entries.keys()) yield this.#saved('entry', id);
    for (const id of this.#groups.keys()) yield this.#saved('group', id);
    for (const id of this.#silences.keys()) yield this.#saved('silence', id);
    yield this.#saved('last', '');
  }

  #saved(of: Saved['of'], id: string): Saved {
    if (of === 'entry') return { of, id, value: this.#entries.get(id) };
    if (of === 'group') return { of, id, value: this.#groups.get(id) };
    if (of === 'silence') return { of, id, value: this.#silences.get(id) };
    return { of, id, value: this.#last };
  }

  /** Changes in their order: what an earlier one set a later one may delete. */
  restore(saved: Iterable<Saved>): void {
    for (const { of, id, value } of saved) {
      if (of === 'entry') this.#setEntry(id, value);
      else if (of === 'group') this.#setGroup(id, value);
      else if (of === 'last') this.#last = value;
      else if (value === undefined) this.#silences.delete(id);
      else this.#silences.set(id, value);
    }
    this.#changed.clear();
  }
}

/** A clock that was ahead and was set back must not hold a group up until that time comes again. */
function notAhead(group: Group, now: number, { groupWaitMs, groupIntervalMs }: TellingTimes): Group {
  const { toldAt, dueAt } = group;
  const isAhead = (toldAt !== null && toldAt > now) || (dueAt !== null && dueAt > now + groupWaitMs + groupIntervalMs);
  return isAhead ? { ...group, toldAt: toldAt === null ? null : Math.min(toldAt, now), dueAt: null } : group;
}
