import { setTimeout as sleep } from 'node:timers/promises';
import { CONNECT_TOPICS, DOCUMENT_TOPICS, HeadwaterError } from '../../../contract/index.ts';
import { type Admin, type KafkaSettings, openAdmin } from '../../../kafka/index.ts';
import { COLLECTIONS } from './collections.ts';
import {
  type ConnectClient,
  type ConnectorStatus,
  type ConnectSettings,
  type ConnectState,
  connectClient,
} from './connect.ts';
import { connectorName, groupOf } from './connectors.ts';

export interface WatchOptions {
  readonly connect: ConnectSettings;
  /** May describe the groups of connectors and read the topic of dead letters. */
  readonly kafka: KafkaSettings;
  readonly everyMs?: number;
  /** A failed task waits this long before its first restart, and twice as long before each further one. */
  readonly firstPauseMs?: number;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
}

export interface ConnectorView {
  readonly name: string;
  readonly state: 'starting' | 'ready' | 'failed' | 'stopped';
  readonly detail: string;
  /** Records that are not yet documents; null where that is not known. */
  readonly lag: number | null;
  /** What each of its tasks is doing; undefined where that is not known. */
  readonly tasks: readonly ConnectState[] | undefined;
  /** Of it and its tasks, asked for since this process began. */
  readonly restarts: number;
}

export interface ConnectView {
  /** Of Connect as a whole. */
  readonly state: 'starting' | 'ready' | 'failed';
  readonly detail: string;
  readonly connectors: readonly ConnectorView[];
  /** Records in the topic of dead letters; null where that is not known. */
  readonly deadLetters: number | null;
  readonly failedTasks: number;
  /** Restarts asked for since this process began. */
  readonly restarts: number;
}

export interface ConnectWatch {
  view(): ConnectView;
  close(): Promise<void>;
}

/** Consumer groups of the connectors. */
export const CONNECT_GROUPS = COLLECTIONS.map((collection) => groupOf(connectorName(collection)));

const LONGEST_PAUSE_MS = 60_000;
/** What ran this long without failing is well again. */
const SETTLED_MS = 120_000;
const LONGEST_DETAIL = 300;
const CLOSING_MS = 2_000;

interface Trouble {
  pauseMs: number;
  restartAt: number;
  restarted: boolean;
  runsSince: number | undefined;
}

/**
 * Looks after the connectors: asks Connect how they are, restarts what failed, ever less often while it goes on failing, and tells how they are. It outlives
 * the absence of Connect and of Kafka. Several hubs may do so at once: a task that is being restarted is no longer failed.
 */
export function startConnectWatch(options: WatchOptions): ConnectWatch {
  const { everyMs = 5_000, firstPauseMs = 1_000, log } = options;
  const client = connectClient(options.connect);
  const stop = new AbortController();
  const troubles = new Map<string, Trouble>();
  let admin: Admin | undefined;
  const restarts = new Map<string, number>();
  const allRestarts = () => [...restarts.values()].reduce((sum, n) => sum + n, 0);
  let view: ConnectView = {
    state: 'starting',
    detail: 'not yet heard of',
    connectors: [],
    deadLetters: null,
    failedTasks: 0,
    restarts: 0,
  };

  /** Restarts a failed part when its time has come. */
  const mend = async (key: string, name: string, restart: () => Promise<void>): Promise<void> => {
    const now = performance.now();
    const trouble = troubles.get(key);
    if (trouble === undefined || trouble.restarted) {
      const pauseMs = trouble ? Math.min(trouble.pauseMs * 2, LONGEST_PAUSE_MS) : firstPauseMs;
      troubles.set(key, { pauseMs, restartAt: now + pauseMs, restarted: false, runsSince: undefined });
      return;
    }
    if (now < trouble.restartAt) return;
    trouble.restarted = true;
    restarts.set(name, (restarts.get(name) ?? 0) + 1);
    log.info({ connector: name, part: key }, 'restarting what failed in Kafka Connect');
    await restart();
  };
  const well = (key: string) => {
    const trouble = troubles.get(key);
    if (trouble === undefined) return;
    trouble.runsSince ??= performance.now();
    if (performance.now() - trouble.runsSince > SETTLED_MS) troubles.delete(key);
  };

  const look = async (): Promise<void> => {
    const statuses = await client.statuses();
    const known = await figures().catch((error) => {
      log.warn({ err: error }, 'the lag of the connectors is not known');
      return undefined;
    });
    const connectors = COLLECTIONS.map((collection): ConnectorView => {
      const name = connectorName(collection);
      const lag = known?.lag[`${groupOf(name)}/${collection.topic.name}`] ?? null;
      const status = statuses.get(name);
      const tasks = status?.tasks.map(({ state }) => state) ?? [];
      return { name, lag, tasks, restarts: restarts.get(name) ?? 0, ...stateOf(status, lag) };
    });
    const failedTasks = connectors.flatMap(({ tasks }) => tasks ?? []).filter((state) => state === 'FAILED').length;
    const deadLetters = known?.deadLetters ?? null;
    const detail = summary(connectors, deadLetters);
    view = { state: 'ready', detail, connectors, deadLetters, failedTasks, restarts: allRestarts() };
    await mendAll(client, statuses, mend, well);
  };

  const figures = async () => {
    admin ??= await openAdmin(options.kafka);
    try {
      const lag = await admin.lag(CONNECT_GROUPS);
      const ends = await admin.offsets(CONNECT_TOPICS.deadLetters.name);
      return { lag, deadLetters: ends.reduce((sum, { low, high }) => sum + high - low, 0) };
    } catch (error) {
      const failed = admin;
      admin = undefined;
      await failed.close().catch(() => {});
      throw error;
    }
  };

  const running = (async () => {
    while (!stop.signal.aborted) {
      await look().catch((error: Error) => {
        const state = view.state === 'starting' ? 'starting' : 'failed';
        if (view.state === 'ready') log.warn({ err: error }, 'Kafka Connect');
        view = {
          ...view,
          state,
          detail: told(error),
          connectors: view.connectors.map(unknown),
          restarts: allRestarts(),
        };
      });
      await sleep(everyMs, undefined, { signal: stop.signal }).catch(() => {});
    }
    await admin?.close().catch(() => {});
  })();

  return {
    view: () => view,
    async close() {
      stop.abort();
      // Connect and Kafka may take minutes for an answer that is under way.
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, CLOSING_MS);
      await Promise.race([running, late.promise]);
      clearTimeout(timer);
    },
  };
}

async function mendAll(
  client: ConnectClient,
  statuses: ReadonlyMap<string, ConnectorStatus>,
  mend: (key: string, name: string, restart: () => Promise<void>) => Promise<void>,
  well: (key: string) => void,
): Promise<void> {
  for (const collection of COLLECTIONS) {
    const name = connectorName(collection);
    const status = statuses.get(name);
    if (status === undefined) continue;
    if (status.connector.state === 'FAILED') await mend(name, name, () => client.restartConnector(name));
    else if (status.connector.state === 'RUNNING') well(name);
    for (const { id, state } of status.tasks) {
      const key = `${name}/${id}`;
      if (state === 'FAILED') await mend(key, name, () => client.restartTask(name, id));
      else if (state === 'RUNNING') well(key);
    }
  }
}

function stateOf(status: ConnectorStatus | undefined, lag: number | null): Pick<ConnectorView, 'state' | 'detail'> {
  if (status === undefined) return { state: 'starting', detail: 'not there; `headwater stores apply` makes it' };
  const { connector, tasks } = status;
  const failed = [connector, ...tasks].find(({ state }) => state === 'FAILED');
  if (failed) return { state: 'failed', detail: `${cause(failed.trace)}; it is started again and again` };
  if (connector.state === 'PAUSED' || connector.state === 'STOPPED') {
    return {
      state: 'stopped',
      detail: `somebody ${connector.state.toLowerCase()} it; \`headwater stores apply\` lets it go on`,
    };
  }
  const runs = connector.state === 'RUNNING' && tasks.length > 0 && tasks.every(({ state }) => state === 'RUNNING');
  if (!runs) return { state: 'starting', detail: 'its tasks are being handed out' };
  return { state: 'ready', detail: lag === null ? 'nothing read yet' : `${lag} records behind` };
}

/** The last reason of a Java stack trace, which is the first that happened. */
function cause(trace = 'failed'): string {
  const lines = trace.split('\n').filter((line) => !/^\s*(at |\.\.\. )/.test(line));
  const last = lines.filter((line) => line.startsWith('Caused by: ')).at(-1) ?? lines[0] ?? 'failed';
  return last
    .replace(/^Caused by: /, '')
    .replace(/^([a-z]\w*\.)+/, '')
    .slice(0, LONGEST_DETAIL);
}

function summary(connectors: readonly ConnectorView[], deadLetters: number | null): string {
  const ready = connectors.filter(({ state }) => state === 'ready').length;
  const dead = deadLetters ? `; ${deadLetters} records in ${CONNECT_TOPICS.deadLetters.name}` : '';
  return `${ready} of ${DOCUMENT_TOPICS.length} connectors run${dead}`;
}

const told = (error: Error) => (error instanceof HeadwaterError ? error.message : String(error));
const unknown = (connector: ConnectorView): ConnectorView => ({
  ...connector,
  state: 'starting',
  detail: 'Kafka Connect does not answer',
  lag: null,
  tasks: undefined,
});
