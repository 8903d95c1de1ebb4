/**
 * An MQTT topic filter whose levels may have names: `sensors/{device}/{metric}`. `+` stands for one level, `{name}` for one level that is
 * kept, a last `#` for none or more levels, a last `{name#}` for one or more levels that are kept, slashes included.
 */
export interface TopicPattern {
  /** The names in braces, in their order. */
  readonly names: readonly string[];
  /** The named parts of a topic, or undefined when the pattern does not match it. Works in one pass over the topic. */
  match(topic: string): Readonly<Record<string, string>> | undefined;
}

const NAMED = /^\{([a-z]+)(#?)\}$/;

/** Takes a pattern apart. Throws an `Error` that says what is wrong with it and where. */
export function parseTopicPattern(text: string): TopicPattern {
  const levels = text.split('/');
  const parts = levels.map((level, at) => parseLevel(level, at === levels.length - 1));
  const names = parts.flatMap(({ name }) => name ?? []);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new Error(`names {${twice}} twice`);
  return { names, match: (topic) => matchParts(parts, topic) };
}

interface Part {
  /** What the level must be; undefined where anything is taken. */
  readonly literal?: string;
  readonly name?: string;
  /** Takes this level and all after it; `#` also takes none. */
  readonly rest?: 'some' | 'any';
}

function parseLevel(level: string, last: boolean): Part {
  if (level === '+') return {};
  const [, name, hash] = NAMED.exec(level) ?? [];
  const rest = level === '#' || hash === '#';
  if (rest && !last) throw new Error(`has "${level}" before its end; it can only be the last level`);
  if (level === '#') return { rest: 'any' };
  if (name !== undefined) return rest ? { name, rest: 'some' } : { name };
  if (/[+#{}]/.test(level)) {
    throw new Error(`has the level "${level}"; +, # and {name} (small letters) must be a whole level`);
  }
  return { literal: level };
}

function matchParts(parts: readonly Part[], topic: string): Record<string, string> | undefined {
  // A filter that begins with a wildcard does not take the broker's own topics (MQTT 3.1.1, 4.7.2).
  if (topic.startsWith('$') && parts[0]?.literal === undefined) return undefined;
  const named: Record<string, string> = {};
  let start = 0;
  for (const { literal, name, rest } of parts) {
    // Beyond the end of the topic.
    if (start > topic.length) return rest === 'any' ? named : undefined;
    const slash = rest ? -1 : topic.indexOf('/', start);
    const end = slash === -1 ? topic.length : slash;
    const level = topic.slice(start, end);
    if (literal !== undefined && level !== literal) return undefined;
    if (name !== undefined) named[name] = level;
    start = end + 1;
  }
  return start > topic.length ? named : undefined;
}
