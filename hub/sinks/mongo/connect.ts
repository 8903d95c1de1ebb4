import { HeadwaterError } from '../../../contract/index.ts';
import type { ConnectorConfig } from './connectors.ts';

export type ConnectState = 'UNASSIGNED' | 'RUNNING' | 'PAUSED' | 'STOPPED' | 'FAILED' | 'RESTARTING' | 'DESTROYED';

export interface ConnectorStatus {
  readonly name: string;
  readonly connector: { readonly state: ConnectState; readonly trace?: string };
  readonly tasks: readonly { readonly id: number; readonly state: ConnectState; readonly trace?: string }[];
}

export interface ConnectSettings {
  /** Of the REST interface of any worker. */
  readonly url: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

/** The REST interface of a Connect cluster. Every call throws HeadwaterError `CONNECT_SILENT` (`retryable`) or `CONNECT_REFUSED`. */
export interface ConnectClient {
  /** Of all connectors, by name. */
  statuses(): Promise<ReadonlyMap<string, ConnectorStatus>>;
  config(name: string): Promise<ConnectorConfig | undefined>;
  /** What the running worker finds wrong with a configuration, as `name: message`. It also tries to reach the database. */
  problems(config: ConnectorConfig): Promise<string[]>;
  put(name: string, config: ConnectorConfig): Promise<void>;
  resume(name: string): Promise<void>;
  restartConnector(name: string): Promise<void>;
  restartTask(name: string, id: number): Promise<void>;
}

const ANSWER_WITHIN_MS = 60_000;
/** A cluster that is taking in a change of its workers or connectors says so with it. */
const REBALANCING = 409;
const PATIENCE = 30;
const PATIENCE_MS = 1_000;

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export function connectClient({ url, username, password }: ConnectSettings): ConnectClient {
  const base = `${url.replace(/\/+$/, '')}/`;
  const authorization =
    username === undefined
      ? {}
      : { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };

  const once = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    try {
      const answer = await fetch(new URL(path, base), {
        method,
        headers: { ...authorization, 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      });
      const text = await answer.text();
      return { status: answer.status, body: text === '' ? undefined : parse(text) };
    } catch (cause) {
      throw new HeadwaterError('CONNECT_SILENT', `Kafka Connect at ${url} does not answer`, { cause, retryable: true });
    }
  };

  const ask = async (method: string, path: string, body?: unknown, or?: number): Promise<Answer> => {
    for (let tries = 1; ; tries++) {
      const answer = await once(method, path, body);
      if (answer.status < 300 || answer.status === or) return answer;
      if (answer.status !== REBALANCING || tries === PATIENCE) throw refusal(url, answer);
      await new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
    }
  };
  const at = (name: string) => `connectors/${encodeURIComponent(name)}`;

  return {
    async statuses() {
      const { body } = await ask('GET', 'connectors?expand=status');
      const all = Object.entries((body ?? {}) as Record<string, { status?: ConnectorStatus } | null>);
      if (
        !all.every((entry): entry is [string, { status: ConnectorStatus }] => entry[1]?.status?.tasks !== undefined)
      ) {
        const found = JSON.stringify(body).slice(0, 200);
        throw new HeadwaterError('CONNECT_REFUSED', `what answers at ${url} is no Kafka Connect: ${found}`);
      }
      return new Map(all.map(([name, { status }]) => [name, status]));
    },
    async config(name) {
      const { status, body } = await ask('GET', `${at(name)}/config`, undefined, 404);
      return status === 404 ? undefined : (body as ConnectorConfig);
    },
    async problems(config) {
      const plugin = config['connector.class']!.split('.').at(-1)!;
      const { body } = await ask('PUT', `connector-plugins/${plugin}/config/validate`, config);
      const { configs } = body as { configs: { value: { name: string; errors: string[] } }[] };
      return configs.flatMap(({ value }) => value.errors.map((error) => `${value.name}: ${error}`));
    },
    put: async (name, config) => void (await ask('PUT', `${at(name)}/config`, config)),
    resume: async (name) => void (await ask('PUT', `${at(name)}/resume`)),
    restartConnector: async (name) => void (await ask('POST', `${at(name)}/restart`)),
    restartTask: async (name, id) => void (await ask('POST', `${at(name)}/tasks/${id}/restart`)),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return { message: text.slice(0, 200) }; // A proxy's page, or another program on that port.
  }
}

function refusal(url: string, { status, body }: Answer): HeadwaterError {
  const said = (body as { message?: string } | undefined)?.message ?? '';
  const hint = status === 401 ? ' (its user name or password is wrong)' : '';
  return new HeadwaterError('CONNECT_REFUSED', `Kafka Connect at ${url} refused (status ${status})${hint}: ${said}`, {
    retryable: status >= 500 || status === REBALANCING,
  });
}
