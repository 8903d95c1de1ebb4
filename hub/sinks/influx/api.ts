import { HeadwaterError } from '../../../contract/index.ts';

/** What of InfluxDB's administrative interface is needed; https://docs.influxdata.com/influxdb/v2/api/ describes it. */
export interface InfluxApi {
  orgId(name: string): Promise<string | undefined>;
  buckets(orgId: string): Promise<readonly BucketEntry[]>;
  tasks(orgId: string): Promise<readonly TaskEntry[]>;
  authorizations(orgId: string): Promise<
    readonly {
      id: string;
      description: string;
      status: string;
      token: string;
      permissions: { action: string; resource: { type: string; id?: string } }[];
    }[]
  >;
  post<T = void>(path: string, body: unknown): Promise<T>;
  patch(path: string, body: unknown): Promise<void>;
  delete(path: string): Promise<void>;
}

interface Entry {
  readonly id: string;
  readonly name: string;
}
interface BucketEntry extends Entry {
  readonly retentionRules: { readonly everySeconds: number }[];
}
interface TaskEntry extends Entry {
  readonly flux: string;
  readonly status: string;
}

const TIMEOUT_MS = 30_000;
/** InfluxDB gives at most so many of a kind at a time. */
const PAGE = 100;

/** The functions throw HeadwaterError `INFLUX_ADMIN`. */
export function openInfluxApi(url: string, token: string): InfluxApi {
  const base = `${url.replace(/\/$/, '')}/api/v2`;

  async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const headers = { authorization: `Token ${token}`, 'content-type': 'application/json' };
    let answer: Response;
    let text: string;
    try {
      const request = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
      answer = await fetch(base + path, { ...request, signal: AbortSignal.timeout(TIMEOUT_MS) });
      text = await answer.text();
    } catch (cause) {
      const why = ((cause as Error).cause as Error | undefined)?.message ?? (cause as Error).message;
      throw new HeadwaterError('INFLUX_ADMIN', `InfluxDB cannot be reached at ${url}: ${why}`, {
        cause,
        retryable: true,
      });
    }
    if (answer.ok) return (text === '' ? undefined : parse(text, url)) as T;
    const hint = answer.status === 401 ? '; give an operator’s token' : '';
    throw new HeadwaterError(
      'INFLUX_ADMIN',
      `InfluxDB answers ${answer.status} to ${method} ${path}: ${messageOf(text)}${hint}`,
    );
  }

  /** All of a kind, page by page. `next` gives how the page after what was found is asked for. */
  async function all<T extends Entry>(kind: string, query: string, next: (found: T[]) => string): Promise<T[]> {
    const found: T[] = [];
    for (let page: T[] = [], from = ''; ; from = next(found)) {
      page = (await call<Record<string, T[]>>('GET', `/${kind}?limit=${PAGE}${query}${from}`))[kind]!;
      found.push(...page);
      if (page.length < PAGE) return found;
    }
  }
  const byOffset = ({ length }: unknown[]) => `&offset=${length}`;
  const byLast = (found: Entry[]) => `&after=${found.at(-1)!.id}`;

  return {
    async orgId(name) {
      const orgs = await all('orgs', '', byOffset);
      return orgs.find((org) => org.name === name)?.id;
    },
    buckets: (orgId) => all<BucketEntry>('buckets', `&orgID=${orgId}`, byOffset),
    tasks: (orgId) => all<TaskEntry>('tasks', `&orgID=${orgId}`, byLast),
    authorizations: async (orgId) =>
      (await call<{ authorizations: [] }>('GET', `/authorizations?orgID=${orgId}`)).authorizations,
    post: (path, body) => call('POST', path, body),
    patch: (path, body) => call('PATCH', path, body),
    delete: (path) => call('DELETE', path),
  };
}

function parse(text: string, url: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HeadwaterError('INFLUX_ADMIN', `what answers at ${url} is no InfluxDB 2: ${text.slice(0, 100)}`, {
      cause,
    });
  }
}

function messageOf(text: string): string {
  try {
    return (JSON.parse(text) as { message: string }).message;
  } catch {
    return text.slice(0, 300);
  }
}
