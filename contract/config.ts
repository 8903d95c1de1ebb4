import { isMap, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { HeadwaterError } from './error.ts';

export interface ConfigSource {
  /** YAML. */
  readonly text: string;
  /** Where the text came from, for messages. */
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Variables that begin so override the text: with prefix `HEADWATER_HUB`, `HEADWATER_HUB__KAFKA__CLIENT_ID=x` sets `kafka.clientId`. */
  readonly prefix: string;
}

/**
 * Reads a program's configuration: the YAML text, overridden by environment variables, checked against its schema.
 * @throws HeadwaterError `CONFIG_INVALID` with every problem in `details`, each by its path and line
 */
export function parseConfig<S extends z.ZodType>(schema: S, source: ConfigSource): z.output<S> {
  const lines = new LineCounter();
  const document = parseDocument(source.text, { lineCounter: lines, uniqueKeys: true });
  if (document.errors.length > 0) {
    throw invalid(
      source,
      document.errors.map((e) => `line ${lines.linePos(e.pos[0]).line}: ${e.message.split('\n')[0]}`),
    );
  }
  const overridden = override(plain(document, 'the file', source) ?? {}, source);
  const result = schema.safeParse(overridden.values, { reportInput: false });
  if (result.success) return result.data;
  throw invalid(
    source,
    result.error.issues
      .flatMap((issue) => problems(issue))
      .map(({ path, message }) => {
        const name = path.join('.');
        const variable = overridden.variables.get(name);
        const line = lineOf(document, path, lines);
        const where = variable ? ` (from ${variable})` : line ? ` (line ${line})` : '';
        return `${name || 'the file'}${where}: ${message}`;
      }),
  );
}

interface Problem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

function problems(issue: z.core.$ZodIssue): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...issue.path, key], message: 'is not a setting; check its spelling' }));
  }
  if (issue.code === 'invalid_type' && issue.message.includes('undefined')) {
    return [{ path: issue.path, message: `is missing; it must be ${issue.expected}` }];
  }
  return [{ path: issue.path, message: issue.message }];
}

function invalid(source: ConfigSource, details: string[]): HeadwaterError {
  const count = details.length === 1 ? 'a problem' : `${details.length} problems`;
  return new HeadwaterError('CONFIG_INVALID', `${source.file} has ${count}; mend it and start again:`, { details });
}

/** The document as values. @throws HeadwaterError `CONFIG_INVALID` where it is none, or its references would make it endless */
function plain(document: ReturnType<typeof parseDocument>, what: string, source: ConfigSource): unknown {
  try {
    if (document.errors.length > 0) throw document.errors[0];
    return document.toJS();
  } catch (error) {
    throw invalid(source, [`${what}: ${(error as Error).message.split('\n')[0]}`]);
  }
}

/** The line of a path, or of the nearest part of it that the text has. */
function lineOf(
  document: ReturnType<typeof parseDocument>,
  path: readonly PropertyKey[],
  lines: LineCounter,
): number | undefined {
  for (let length = path.length; length > 0; length--) {
    const parent: unknown = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const last = path[length - 1];
    if (isMap(parent)) {
      const pair = parent.items.find((item) => (item.key as { value?: unknown }).value === last);
      const range = (pair?.key as { range?: [number, number, number] } | undefined)?.range;
      if (range) return lines.linePos(range[0]).line;
    }
    const node = document.getIn(path.slice(0, length), true) as { range?: [number, number, number] } | undefined;
    if (node?.range) return lines.linePos(node.range[0]).line;
  }
  return undefined;
}

function override(values: unknown, source: ConfigSource): { values: unknown; variables: Map<string, string> } {
  const variables = new Map<string, string>();
  const copy = structuredClone(values);
  // What is no map cannot be overridden in part; the schema says what is wrong with it.
  if (typeof copy !== 'object') return { values: copy, variables };
  for (const [variable, text] of Object.entries(source.env)) {
    if (!variable.startsWith(`${source.prefix}__`) || text === undefined) continue;
    const path = variable
      .slice(source.prefix.length + 2)
      .split('__')
      .map(camelCase);
    let at = copy as Record<string, unknown>;
    for (const key of path.slice(0, -1)) {
      if (typeof at[key] !== 'object' || at[key] === null) at[key] = {};
      at = at[key] as Record<string, unknown>;
    }
    const name = path.join('.');
    at[path.at(-1)!] = plain(parseDocument(text), `${name} (from ${variable})`, source);
    variables.set(name, variable);
  }
  return { values: copy, variables };
}

function camelCase(name: string): string {
  return name.toLowerCase().replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

const DURATIONS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZES: Record<string, number> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, kB: 1e3, MB: 1e6, GB: 1e9 };

function quantity(units: Record<string, number>, example: string) {
  return z
    .union([z.number(), z.string()])
    .transform((value, context) => {
      if (typeof value === 'number') return value;
      const [, digits, unit] = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*$/.exec(value) ?? [];
      const factor = units[unit ?? ''];
      if (digits !== undefined && factor !== undefined) return Math.round(Number(digits) * factor);
      context.addIssue(`must be a quantity such as ${example}; units are ${Object.keys(units).join(', ')}`);
      return z.NEVER;
    })
    .pipe(z.number().min(0));
}

/** Milliseconds, written as `500ms`, `10s`, `5m`, `12h`, `30d` or a number. */
export const duration = quantity(DURATIONS, '10s');
/** Bytes, written as `512 MiB`, `2 GiB` or a number. */
export const size = quantity(SIZES, '2 GiB');
