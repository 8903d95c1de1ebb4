import { setTimeout as sleep } from 'node:timers/promises';
import type { Input, InputStatus, Receive } from '../input.ts';
import { type Access, type Connection, openConnection, type Subscription } from './connection.ts';
import { type Counts, Delivery } from './delivery.ts';
import { asksForOtherVersion, type Ending, explain, type Trouble } from './problems.ts';
import { newSession, readSession, type Session, writeSession } from './session.ts';

export interface MqttClientOptions {
  readonly name: string;
  /** `mqtt://host[:port]` or `mqtts://host[:port]`. */
  readonly url: string;
  readonly clientId: string;
  readonly subscriptions: readonly Subscription[];
  /** Where the gateway notes what it has subscribed to. */
  readonly sessionFile: string;
  readonly access: Access;
  /** After so much silence the broker is asked whether it is there, and may take half as long to answer; default 30. */
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
const ASK_BUFFER_MS = 500;

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
  let renewed = new AbortController();
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
      await rest(pauseMs * (1 - Math.random() / 2), refused ? receive.accepts : undefined);
      pauseMs = Math.min(pauseMs * 2, LAST_PAUSE_MS);
    }
  }

  /** Waits until the time is over and, after a refusal, the buffer takes messages again. */
  async function rest(ms: number, accepts: Receive['accepts']): Promise<void> {
    renewed = new AbortController();
    const signal = AbortSignal.any([stopped.signal, renewed.signal]);
    await sleep(ms, undefined, { signal }).catch(() => {});
    // Who cannot answer does not accept.
    while (accepts && !stopped.signal.aborted && !(await accepts().catch(() => false))) {
      await sleep(ASK_BUFFER_MS, undefined, { signal: stopped.signal }).catch(() => {});
    }
  }

  /** From the attempt to the end, and until all that was handed over is on disk or refused. */
  async function connectOnce(receive: Receive, version: 4 | 5): Promise<{ ending: Ending; refused: boolean }> {
    let refused = false;
    let its: Connection;
    let session = (await readSession(sessionFile, broker, clientId)) ?? newSession(broker, clientId);
    const delivery = new Delivery({
      source: name,
      client: clientOf(session),
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
      if (stopped.signal.aborted) throw stopped.signal.reason;
      its = openConnection({
        url,
        access,
        clientId,
        version,
        keepAliveSeconds,
        publish: (packet, size) => delivery.publish(packet, size),
        pubrel: (packetId) => delivery.released(packetId),
        connected: (sessionPresent) => {
          if (!sessionPresent) {
            if (session.filters.length > 0) lostSession = lostAt(new Date());
            session = newSession(broker, clientId);
            delivery.client = clientOf(session);
          }
          settleSubscriptions(its, session).catch((error) => its.destroy(error));
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
  async function settleSubscriptions(its: Connection, session: Session): Promise<void> {
    const wanted = subscriptions.map(({ filter }) => filter);
    const cancelled = session.filters.filter((filter) => !wanted.includes(filter));
    const missing = wanted.filter((filter) => !session.filters.includes(filter));
    if (missing.length > 0) await writeSession(sessionFile, { ...session, filters: [...session.filters, ...missing] });
    if (cancelled.length > 0) await its.unsubscribe(cancelled);
    await subscribe(its, subscriptions);
    if (cancelled.length > 0) await writeSession(sessionFile, { ...session, filters: wanted });
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
      const lesser = asked.filter(({ qos }, i) => granted[i]! < qos);
      stand('ok', `${broker}: connected${lesser.length > 0 ? `; it gives ${named(lesser)} with QoS 1 only` : ''}`);
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
    renew(its) {
      access = its;
      renewed.abort();
    },
    async close() {
      stopped.abort();
      await connection?.close();
    },
  };
}

/** A name for the session that packet ids belong to. */
const clientOf = ({ broker, clientId, id }: Session): string => `${clientId}@${broker}/${id}`;

const lostAt = (time: Date): string =>
  `; the broker lost the session at ${time.toISOString()}, and with it what came while the gateway was away`;
