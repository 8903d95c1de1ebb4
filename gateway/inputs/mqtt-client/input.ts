import { setTimeout as sleep } from 'node:timers/promises';
import type { Input, InputStatus, Receive } from '../input.ts';
import { type Access, type Connection, openConnection, type Subscription } from './connection.ts';
import { type Counts, Delivery } from './delivery.ts';
import { asksForOtherVersion, type Ending, explain, type Trouble } from './problems.ts';
import { readSession, writeSession } from './session.ts';

export interface MqttClientOptions {
  readonly name: string;
  /** `mqtt://host[:port]` or `mqtts://host[:port]`. */
  readonly url: string;
  readonly clientId: string;
  readonly subscriptions: readonly Subscription[];
  /** Where the gateway notes what it has subscribed to. */
  readonly sessionFile: string;
  readonly access: Access;
  /** After that much silence the broker is asked whether it is still there; default 30. */
  readonly keepAliveSeconds?: number;
  /** Told of each change of the state. */
  readonly onChange?: (state: InputStatus['state'], detail: string) => void;
}

export interface MqttClientInput extends Input {
  /** Takes another password or other certificates from the next connection on, and makes that at once where there is none. */
  renew(access: Access): void;
}

/** Pause after a connection that did not last, doubled each time; less up to a half by chance, so that many gateways do not come back at once. */
const FIRST_PAUSE_MS = 1_000;
const LAST_PAUSE_MS = 30_000;
/** A connection that held for so long ends the doubling. */
const STEADY_MS = 10_000;
/** How long until what the broker would not let be subscribed to is asked for again. */
const ASK_AGAIN_MS = 60_000;

/** Messages of an MQTT broker that exists, acknowledged to it when they are on disk. */
export function mqttClientInput(options: MqttClientOptions): MqttClientInput {
  const { name, clientId, subscriptions, sessionFile, keepAliveSeconds = 30 } = options;
  const url = new URL(options.url);
  const broker = `${url.protocol}//${url.host}`;
  const counts: Counts = { messages: 0, lost: 0, retained: 0 };
  const stopped = new AbortController();
  let standing: Trouble = { state: 'waiting', detail: `${broker}: connecting` };
  let lostSession = '';
  let access = options.access;
  let pause = new AbortController();
  let connection: Connection | undefined;

  function stand(state: InputStatus['state'], detail: string): void {
    const changed = state !== standing.state || detail !== standing.detail;
    standing = { state, detail };
    if (changed) options.onChange?.(state, detail);
  }

  async function run(receive: Receive): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS;
    while (!stopped.signal.aborted) {
      const startedAt = performance.now();
      let { ending, refused } = await connectOnce(receive, 5);
      if (asksForOtherVersion(ending) && !stopped.signal.aborted) ({ ending, refused } = await connectOnce(receive, 4));
      if (stopped.signal.aborted) return;
      if (performance.now() - startedAt > STEADY_MS) pauseMs = FIRST_PAUSE_MS;
      const trouble: Trouble = refused
        ? { state: 'waiting', detail: `${broker}: left alone while the buffer is full; the broker keeps the messages` }
        : explain(ending, broker);
      stand(trouble.state, `${trouble.detail}; trying again`);
      const jittered = pauseMs * (1 - Math.random() / 2);
      pauseMs = Math.min(pauseMs * 2, LAST_PAUSE_MS);
      pause = new AbortController();
      await sleep(jittered, undefined, { signal: AbortSignal.any([stopped.signal, pause.signal]) }).catch(() => {});
    }
  }

  /** From the attempt to the end, and until all that was handed over is on disk or refused. */
  async function connectOnce(receive: Receive, version: 4 | 5): Promise<{ ending: Ending; refused: boolean }> {
    let refused = false;
    let its: Connection;
    const delivery = new Delivery({
      source: name,
      client: `${clientId}@${broker}`,
      receive,
      counts,
      send: (acks) => its.send(acks),
      pauseReading: () => its.pauseReading(),
      resumeReading: () => its.resumeReading(),
      refused: () => {
        refused = true;
        its.destroy();
      },
    });
    try {
      its = openConnection({
        url,
        access,
        clientId,
        version,
        keepAliveSeconds,
        publish: (packet) => delivery.publish(packet),
        pubrel: () => {},
        connected: (sessionPresent) => {
          settleSubscriptions(its, sessionPresent).catch((error) => its.destroy(error));
        },
      });
    } catch (error) {
      return { ending: { connack: undefined, disconnect: undefined, error: error as Error }, refused };
    }
    connection = its;
    const ending = await its.ended;
    await delivery.end();
    return { ending, refused };
  }

  /** Asks for what is configured and cancels what no longer is. The note on disk never has less than the session. */
  async function settleSubscriptions(its: Connection, sessionPresent: boolean): Promise<void> {
    const noted = await readSession(sessionFile);
    const known = noted?.broker === broker && noted.clientId === clientId ? noted.filters : [];
    if (known.length > 0 && !sessionPresent) {
      lostSession = `; the broker lost the session at ${new Date().toISOString()}, and with it what came while the gateway was away`;
    }
    const wanted = subscriptions.map(({ filter }) => filter);
    const cancelled = known.filter((filter) => !wanted.includes(filter));
    const missing = wanted.filter((filter) => !known.includes(filter));
    const note = (filters: readonly string[]) => writeSession(sessionFile, { broker, clientId, filters });
    if (missing.length > 0) await note([...known, ...missing]);
    if (cancelled.length > 0) await its.unsubscribe(cancelled);
    await subscribe(its, subscriptions);
    if (cancelled.length > 0) await note(wanted);
  }

  async function subscribe(its: Connection, asked: readonly Subscription[]): Promise<void> {
    const granted = await its.subscribe(asked);
    const refused = asked.filter((_, i) => granted[i]! >= 128);
    const unsafe = asked.filter((_, i) => granted[i] === 0);
    const named = (list: readonly Subscription[]) => list.map(({ filter }) => filter).join(', ');
    if (refused.length > 0) {
      stand(
        'failed',
        `${broker}: it refuses the subscription to ${named(refused)}; give this user the right to read it`,
      );
      const again = setTimeout(() => subscribe(its, subscriptions).catch((error) => its.destroy(error)), ASK_AGAIN_MS);
      its.ended.then(() => clearTimeout(again));
    } else if (unsafe.length > 0) {
      stand('failed', `${broker}: it gives ${named(unsafe)} without acknowledgements (QoS 0), so messages can be lost`);
    } else {
      stand('ok', `${broker}: connected`);
    }
  }

  return {
    name,
    async start(receive) {
      void run(receive);
    },
    status() {
      const { messages, lost, retained } = counts;
      const leftOut = retained > 0 ? `; ${retained} retained messages left out` : '';
      return { state: standing.state, detail: `${standing.detail}${leftOut}${lostSession}`, messages, lost };
    },
    renew(renewed) {
      access = renewed;
      pause.abort();
    },
    async close() {
      stopped.abort();
      await connection?.close();
    },
  };
}
