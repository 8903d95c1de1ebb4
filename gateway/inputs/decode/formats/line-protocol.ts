/**
 * One line of the InfluxDB line protocol: `measurement,tag=value field=value,field=value timestamp`. Times and integers stay as they are
 * written, since they can be larger than a number holds exactly.
 */
export interface Line {
  readonly measurement: string;
  readonly tags: ReadonlyMap<string, string>;
  readonly fields: ReadonlyMap<string, FieldValue>;
  readonly timestamp?: string;
}

/** A string field comes as the string; numbers and integers as numbers. */
export type FieldValue = number | boolean | string;

const SPACE = ' ';
const COMMA = ',';
const EQUALS = '=';
const INTEGER = /^-?\d+i$/;
const UNSIGNED = /^\d+u$/;
const FLOAT = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;
const TRUE = /^(t|T|true|True|TRUE)$/;
const FALSE = /^(f|F|false|False|FALSE)$/;

/** Takes one line apart in a single pass. Throws an `Error` that says what is wrong and at which character. */
export function parseLine(line: string): Line {
  const reader = new Reader(line);
  const measurement = reader.word(COMMA, SPACE);
  if (measurement === '') reader.fail('the measurement is missing');
  const tags = new Map<string, string>();
  while (reader.skip(COMMA)) {
    const key = reader.word(EQUALS, COMMA, SPACE);
    if (key === '' || !reader.skip(EQUALS)) reader.fail('a tag must be key=value');
    const value = reader.word(COMMA, SPACE, EQUALS);
    if (value === '') reader.fail(`the tag ${key} has no value`);
    tags.set(key, value);
  }
  if (!reader.spaces()) reader.fail('a space must come before the fields');

  const fields = new Map<string, FieldValue>();
  do {
    const key = reader.word(EQUALS, COMMA, SPACE);
    if (key === '' || !reader.skip(EQUALS)) reader.fail('a field must be key=value');
    fields.set(key, reader.value(key));
  } while (reader.skip(COMMA));

  if (!reader.spaces() || reader.ended) {
    if (!reader.ended) reader.fail('a space must come before the time stamp');
    return { measurement, tags, fields };
  }
  const timestamp = reader.word(SPACE);
  if (!/^-?\d+$/.test(timestamp)) reader.fail(`the time stamp "${timestamp.slice(0, 30)}" is no integer`);
  reader.spaces();
  if (!reader.ended) reader.fail('there is more after the time stamp');
  return { measurement, tags, fields, timestamp };
}

class Reader {
  readonly #line: string;
  #at = 0;

  constructor(line: string) {
    this.#line = line;
  }

  get ended(): boolean {
    return this.#at >= this.#line.length;
  }

  fail(what: string): never {
    throw new Error(`${what} (at character ${this.#at + 1})`);
  }

  skip(character: string): boolean {
    if (this.#line[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  /** Whether there was a space. */
  spaces(): boolean {
    const from = this.#at;
    while (this.skip(SPACE));
    return this.#at > from;
  }

  /** What stands before any of `ends`. A backslash before a comma, an equals sign, a space or a backslash takes away its meaning. */
  word(...ends: readonly string[]): string {
    let text = '';
    let from = this.#at;
    for (; !this.ended; this.#at++) {
      const character = this.#line[this.#at]!;
      if (ends.includes(character)) break;
      if (character !== '\\') continue;
      const next = this.#line[this.#at + 1];
      if (next === COMMA || next === EQUALS || next === SPACE || next === '\\') {
        text += this.#line.slice(from, this.#at);
        from = ++this.#at;
      }
    }
    return text + this.#line.slice(from, this.#at);
  }

  value(key: string): FieldValue {
    if (this.skip('"')) return this.#string(key);
    const text = this.word(COMMA, SPACE);
    if (FLOAT.test(text)) return Number(text);
    if (INTEGER.test(text) || UNSIGNED.test(text)) return Number(text.slice(0, -1));
    if (TRUE.test(text)) return true;
    if (FALSE.test(text)) return false;
    return this.fail(`the field ${key.slice(0, 64)} is ${JSON.stringify(text.slice(0, 64))}, which is no value`);
  }

  /** The rest of a string field. Only a quote and a backslash are escaped in it. */
  #string(key: string): string {
    let text = '';
    let from = this.#at;
    for (; !this.ended; this.#at++) {
      const character = this.#line[this.#at];
      if (character === '"') return text + this.#line.slice(from, this.#at++);
      const next = this.#line[this.#at + 1];
      if (character === '\\' && (next === '"' || next === '\\')) {
        text += this.#line.slice(from, this.#at);
        from = ++this.#at;
      }
    }
    return this.fail(`the string ${key.slice(0, 64)} has no closing quote`);
  }
}
