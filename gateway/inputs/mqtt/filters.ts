// Topic filters of MQTT 3.1.1, and rules made of them: a list of filters, of which those that begin with `!` take away.

/** What stands for whom in a rule's filters. */
export interface Person {
  /** The account's name; absent where nobody logs in. */
  readonly username?: string;
  readonly clientId: string;
}

/** Whether `#` and `+` stand where they may: each alone in its level, `#` in the last. */
export function isFilter(filter: string): boolean {
  if (filter === '' || filter.length > 512 || filter.includes('\0')) return false;
  const levels = filter.split('/');
  return levels.every(
    (level, at) => !/[+#]/.test(level) || level === '+' || (level === '#' && at === levels.length - 1),
  );
}

/** Whether something may be published under this name at all. */
export function isTopicName(topic: string): boolean {
  return topic !== '' && !/[+#\0]/.test(topic);
}

/** Which topics somebody may publish to or subscribe to. */
export class TopicRules {
  readonly #allowed: readonly Filter[];
  readonly #denied: readonly Filter[];

  /** `{username}` and `{clientid}` are filled in; a filter whose name would not be one plain level is left out, and so allows nothing. */
  constructor(filters: readonly string[], person?: Person) {
    const filled = filters.flatMap((filter) => fill(filter, person) ?? []);
    this.#allowed = filled.filter((filter) => !filter.startsWith('!')).map((filter) => new Filter(filter));
    this.#denied = filled.filter((filter) => filter.startsWith('!')).map((filter) => new Filter(filter.slice(1)));
  }

  /** Whether there is anything it allows. */
  get isEmpty(): boolean {
    return this.#allowed.length === 0;
  }

  /** Whether some of what a granted subscription asks for is kept from it. */
  get denies(): boolean {
    return this.#denied.length > 0;
  }

  allows(topic: string): boolean {
    for (const filter of this.#allowed) {
      if (filter.matches(topic)) return !this.#denied.some((denied) => denied.matches(topic));
    }
    return false;
  }

  /** Whether a subscription may be granted: all it asks for lies within one allowed filter, and not all of it within a denied one. */
  grants(filter: string): boolean {
    if (!isFilter(filter)) return false;
    return (
      this.#allowed.some((allowed) => allowed.covers(filter)) && !this.#denied.some((denied) => denied.covers(filter))
    );
  }
}

class Filter {
  readonly #levels: readonly string[];
  /** For the common shapes, `#`, a plain topic and `some/where/#`, which are asked for each message. */
  readonly #all: boolean;
  readonly #exact: string | undefined;
  readonly #prefix: string | undefined;

  constructor(filter: string) {
    this.#levels = filter.split('/');
    this.#all = filter === '#';
    const plain = filter.replace(/\/#$/, '');
    if (/[+#]/.test(plain)) return;
    this.#exact = plain;
    if (plain !== filter) this.#prefix = `${plain}/`;
  }

  matches(topic: string): boolean {
    if (this.#all) return !topic.startsWith('$');
    if (this.#exact !== undefined) {
      return topic === this.#exact || (this.#prefix !== undefined && topic.startsWith(this.#prefix));
    }
    return this.covers(topic);
  }

  /** Whether every topic that `other` matches is matched by this one. A topic is a filter that matches only itself. */
  covers(other: string): boolean {
    const theirs = other.split('/');
    // Topics that begin with $ belong to the server: a wildcard in front does not reach them.
    if (theirs[0]!.startsWith('$') && /^[+#]$/.test(this.#levels[0]!)) return false;
    for (const [at, level] of this.#levels.entries()) {
      if (level === '#') return true;
      const its = theirs[at];
      if (its === undefined || its === '#' || (level !== '+' && level !== its)) return false;
    }
    return theirs.length === this.#levels.length;
  }
}

function fill(filter: string, person: Person | undefined): string | undefined {
  let complete = true;
  const filled = filter.replace(/\{(username|clientid)\}/g, (_all, which: string) => {
    const name = which === 'username' ? person?.username : person?.clientId;
    // A device chooses its client id: with a wildcard or a slash in it, it would choose its rights.
    if (name === undefined || name === '' || /[+#/\0]/.test(name)) complete = false;
    return name ?? '';
  });
  return complete ? filled : undefined;
}
