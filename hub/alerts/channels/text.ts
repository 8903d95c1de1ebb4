import type { Alert, Notification } from '../../../contract/index.ts';

/** More lines than this nobody reads on a phone. */
const MOST_LINES = 20;

/** What others wrote, such as the path that a visitor of a web site asked for, begins no line of its own and does not turn one round. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu, ' ');
}

/** One line that says what happened: `[firing: 3] device-silent (site roof)`. */
export function titleOf({ state, firing, resolved, labels, repeated, test }: Notification): string {
  const { rule, ...others } = labels;
  const about = Object.entries(others).map(([name, value]) => `${name} ${value}`);
  const count = state === 'firing' ? `firing: ${firing}` : `resolved: ${resolved}`;
  const what = `${rule ?? 'alerts'}${about.length > 0 ? ` (${about.join(', ')})` : ''}`;
  return oneLine(`${test ? '[test] ' : ''}[${repeated ? 'still ' : ''}${count}] ${what}`);
}

/** The alerts, one a line, and how many more there are. */
export function linesOf({ alerts, omitted }: Notification, most = MOST_LINES): string[] {
  const more = alerts.length - Math.min(most, alerts.length) + omitted;
  return [...alerts.slice(0, most).map(lineOf), ...(more > 0 ? [`and ${more} more`] : [])];
}

function lineOf({ state, severity, summary, since }: Alert): string {
  const begin = `${new Date(since).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  return oneLine(`${state === 'firing' ? severity : 'resolved'}: ${summary} (since ${begin})`);
}

export function worstOf({ alerts }: Notification): Alert['severity'] {
  const firing = alerts.filter(({ state }) => state === 'firing');
  const of = new Set((firing.length > 0 ? firing : alerts).map(({ severity }) => severity));
  return of.has('critical') ? 'critical' : of.has('warning') ? 'warning' : 'info';
}
