import { type Alert, HeadwaterError, LABEL, type Labels, type Matcher } from '../../../contract/index.ts';

/** Everything that matchers and groups can name. */
export function labelsOf({ rule, severity, series, labels }: Alert): Labels {
  return { ...labels, rule, severity, series };
}

/** Whether all matchers fit. */
export function fits(matchers: readonly Matcher[], labels: Labels): boolean {
  // A label may have any name, also one that every object answers to, such as `constructor`.
  return matchers.every(({ label, op, value }) => {
    const own = Object.hasOwn(labels, label) ? labels[label]! : '';
    return isLike(own, value) === (op === '=');
  });
}

/** Reads `site=roof`, `gateway!=gw-*`. @throws HeadwaterError `USAGE` */
export function parseMatcher(text: string): Matcher {
  const [, label = '', op, value = ''] = /^\s*([^=!\s]+)\s*(!?=)\s*(.*?)\s*$/s.exec(text) ?? [];
  if (!LABEL.test(label) || value.length > 500)
    throw new HeadwaterError(
      'USAGE',
      `"${text}" is no condition such as site=roof, rule=web-* or severity!=critical: a label, = or !=, and a value in which * stands for any text (\\* for a star)`,
    );
  return { label, op: op as Matcher['op'], value };
}

export function showMatcher({ label, op, value }: Matcher): string {
  return `${label}${op}${value}`;
}

/** Whether a text is what a pattern says, whose `*` stand for any text, and `\*` for a star. Takes no longer than the two are long, whatever is asked. */
function isLike(text: string, pattern: string): boolean {
  const parts = pattern.split(/(?<!\\)\*/).map((part) => part.replaceAll('\\*', '*'));
  const first = parts[0]!;
  if (parts.length === 1) return text === first;
  const last = parts.at(-1)!;
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false;
  let from = first.length;
  const end = text.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const at = text.indexOf(part, from);
    if (at < 0 || at + part.length > end) return false;
    from = at + part.length;
  }
  return true;
}
