import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AlertChannel,
  CONTRACT_VERSION,
  type DeadLetter,
  decode,
  encode,
  HEADER,
  Notification,
  TOPICS,
} from '../../../contract/index.ts';
import { type IncomingRecord, type KafkaSettings, openAdmin, openProducer, shared } from '../../../kafka/index.ts';
import { waitMs } from './backoff.ts';
import type { ChannelConfig } from './config.ts';
import { attempt, deliver } from './deliver.ts';
import { openChannel } from './open.ts';
import { readNotifications } from './reader.ts';
import { testNotification } from './test-notification.ts';
import type { Outcome } from './types.ts';

export { AlertsConfig, ChannelConfig, PLAIN_FILES, SECRET_FILES } from './config.ts';
export { openChannel } from './open.ts';
export { routed } from './route.ts';
export type { Outcome } from './types.ts';

export interface ChannelsOptions {
  readonly kafka: KafkaSettings;
  /** The hub process. */
  readonly process: string;
  readonly log: { warn(fields: object, message: string): void };
  /** Every channel of which this hub has heard how it fares. */
  readonly known?: () => readonly AlertChannel[];
  /** Ms since the epoch. */
  readonly clock?: () => number;
}

export interface Channels {
  readonly names: readonly string[];
  readonly groups: readonly string[];
  /** Sends a marked notification through a channel at once, once. Undefined where there is no such channel. */
  test(name: string): Promise<Outcome> | undefined;
  close(): Promise<void>;
}

export const groupIdOf = (channel: string) => `hub.channel.${channel}`;

const KEPT_BYTES = 4_096;
const TELL_EVERY_MS = 1_000;
const TELL_ANYWAY_MS = 30_000;
/** A channel that is not configured here and of which no hub has said a word for so long was removed. */
const REMOVED_AFTER_MS = 600_000;
const LOOK_EVERY_MS = 60_000;
const HEADERS = { [HEADER.version]: CONTRACT_VERSION };

/**
 * Tells channels of notifications, each in a consumer group of its own: one that is down or slow delays no other. What a channel was given counts as told
 * when it has accepted it; a hub that dies before it could write that down tells it again, with the same id. What a channel refuses for good is a dead letter.
 * @throws HeadwaterError `CONFIG_MISSING`, `CONFIG_INVALID`
 */
export function startChannels(configs: readonly ChannelConfig[], options: ChannelsOptions): Channels {
  const { kafka, log, known = () => [], clock = Date.now } = options;
  const stop = new AbortController();
  const admin = shared(() => openAdmin(kafka));
  const producer = shared(() => openProducer(kafka));
  const send = (topic: string, key: string, value: object | null) => {
    const record = { key, value: value && encode(value), headers: HEADERS };
    return producer.use((one) => one.send([{ topic, records: [record] }]));
  };
  const pause = (ms: number, signal: AbortSignal) => sleep(ms, undefined, { signal }).catch(() => {});

  const opened = configs.map((config) => ({ config, channel: openChannel(config, clock) }));
  const running = opened.map(({ config, channel }) => {
    const { name: channelName, kind, severities, match, resolved } = config;
    const warn = (error: unknown, message: string) => log.warn({ channel: channelName, err: error }, message);
    let status: Pick<AlertChannel, 'state' | 'detail' | 'acceptedAt' | 'accepted' | 'refused'> = {
      ...{ state: 'ready', detail: '', acceptedAt: null, accepted: 0, refused: 0 },
    };
    let position: number | null = null;
    let isNews = false;
    let toldAt = 0;
    const change = (to: Partial<typeof status>) => {
      status = { ...status, ...to };
      isNews = true;
    };

    async function tell(): Promise<void> {
      const ts = clock();
      if (position === null || !(isNews || ts - toldAt > TELL_ANYWAY_MS || ts < toldAt)) return;
      isNews = false;
      toldAt = ts;
      const about = {
        channel: channelName,
        kind,
        process: options.process,
        severities: [...severities],
        matchers: match,
        resolved,
      };
      const value: AlertChannel = { ...about, ...status, position, ts };
      await send(TOPICS.alertChannels.name, channelName, value).catch((error) => warn(error, 'its state was not told'));
    }
    const telling = setInterval(tell, TELL_EVERY_MS);

    async function handle(record: IncomingRecord, signal: AbortSignal): Promise<void> {
      const { data: notification } = Notification.safeParse(decode(record.value));
      // What a newer version writes may be read by one that is updated; this one cannot tell it.
      if (notification === undefined) return giveUp(record, 'it is no notification that this version knows');
      // People read the first lines of one message, programs every alert.
      const everyPart = kind === 'webhook' || kind === 'alertmanager';
      const route = { severities, match, resolved, everyPart };
      const onWaiting = (reason: string, ms: number) => {
        if (status.state === 'ready')
          warn(new Error(reason), 'an alert channel does not take what it is told; tried again');
        change({ state: 'waiting', detail: `${reason}; tried again in ${Math.ceil(ms / 1_000)} s` });
      };
      const outcome = await deliver(notification, { channel, route, pause, random: Math.random, onWaiting }, signal);
      if (outcome === undefined) return;
      if (outcome.kind === 'refused') return giveUp(record, outcome.reason);
      if (outcome.missed !== undefined) await giveUp(record, outcome.missed);
      change({ state: 'ready', detail: outcome.detail ?? '', acceptedAt: clock(), accepted: status.accepted + 1 });
    }

    async function giveUp(record: IncomingRecord, reason: string): Promise<void> {
      const origin = `${TOPICS.notifications.name}/${record.partition}@${record.offset}`;
      const bytes = (record.value ?? Buffer.alloc(0)).subarray(0, KEPT_BYTES).toString('base64');
      const said = `alert channel ${channelName}: ${reason}`;
      const letter: DeadLetter = { origin, code: 'CHANNEL_REFUSED', reason: said, bytes, ts: clock() };
      await send(TOPICS.deadLetters.name, origin, letter);
      warn(new Error(reason), 'an alert channel refused a notification for good; it lies in dead-letters');
      change({ state: 'ready', detail: `refused: ${reason}`, refused: status.refused + 1 });
    }

    const reading = (async () => {
      for (let failed = 1; !stop.signal.aborted; failed++) {
        const begunAt = clock();
        const onPosition = (next: number | null) => {
          position = next;
          // What it could not be told is another hub's to tell; when this one tells it again, nothing waits at first.
          change(next === null ? { state: 'ready', detail: '' } : {});
        };
        const groupId = groupIdOf(channelName);
        await readNotifications({ kafka, admin, groupId, handle, onPosition }, stop.signal).catch((error) =>
          warn(error, 'an alert channel was interrupted; it begins anew'),
        );
        if (stop.signal.aborted) break;
        if (clock() - begunAt > 60_000) failed = 1;
        await pause(waitMs(failed, Math.random()), stop.signal);
      }
    })();
    return {
      async close() {
        clearInterval(telling);
        await reading;
      },
    };
  });

  async function forgetRemoved(): Promise<void> {
    const isRemoved = ({ channel, ts }: AlertChannel) =>
      ts < clock() - REMOVED_AFTER_MS && !configs.some(({ name }) => name === channel);
    for (const { channel } of known().filter(isRemoved))
      await send(TOPICS.alertChannels.name, channel, null).catch((error) =>
        log.warn({ channel, err: error }, 'that an alert channel was removed could not be told'),
      );
  }
  const looking = setInterval(forgetRemoved, LOOK_EVERY_MS);

  return {
    names: configs.map(({ name }) => name),
    groups: configs.map(({ name }) => groupIdOf(name)),
    test(name) {
      const found = opened.find(({ config }) => config.name === name);
      return found && attempt(found.channel, testNotification(name, clock()), stop.signal);
    },
    async close() {
      clearInterval(looking);
      stop.abort();
      await Promise.all(running.map((one) => one.close()));
      await Promise.all([admin.close(), producer.close()]);
    },
  };
}
