import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type Alert, type AlertChannel, type AlertSilence, type HeadwaterError, TOPICS } from '../../contract/index.ts';
import {
  type Held,
  holdings,
  loadRules,
  type Outcome,
  parseMatcher,
  type Rule,
  routed,
  showMatcher,
} from '../alerts/index.ts';
import type { Store } from '../sinks/index.ts';

/** What the page may do about alerts. */
export interface Alerting {
  /** Resolves when the platform has it. */
  silence(silence: AlertSilence): Promise<void>;
  /** Sends a marked notification through a channel of this hub; undefined where it has no such channel. */
  test(channel: string): Promise<Outcome> | undefined;
  /** Names of this hub's channels. */
  readonly channels: readonly string[];
}

const Matchers = z
  .array(
    z.string().transform((text, context) => {
      try {
        return parseMatcher(text);
      } catch (error) {
        context.addIssue({ code: 'custom', message: (error as HeadwaterError).message });
        return z.NEVER;
      }
    }),
  )
  .min(1)
  .max(20);
const NewSilence = z.strictObject({
  matchers: Matchers,
  minutes: z.number().positive().max(527_040),
  comment: z.string().trim().min(1).max(1_000),
  author: z.string().trim().min(1).max(100),
});
const Limit = z.object({ limit: z.coerce.number().int().min(1).max(500).default(50) });

/** Of so many alerts it is known what holds them back. */
const MOST_JUDGED = 5_000;
const MOST_TOLD = 20;
/** Silences that are over are shown for a day. */
const SHOWN_MS = 86_400_000;

/** Answers what is known of alerts and takes what is to be done about them. */
export function addAlerting(app: FastifyInstance, store: Store, clock: () => number, alerting?: Alerting): void {
  const rules = new Map(loadRules().map((rule) => [rule.id, rule]));
  const silences = () => store.current<AlertSilence>(TOPICS.alertSilences.name);

  app.get('/api/alerting', (request) => view(store, rules, clock(), Limit.parse(request.query).limit, alerting));

  if (alerting === undefined) return;
  let made = 0;
  app.post('/api/alerting/silences', async (request, reply) => {
    const { matchers, minutes, comment, author } = NewSilence.parse(request.body);
    const now = clock();
    const silence: AlertSilence = {
      id: `${now.toString(36)}-${Math.random().toString(36).slice(2, 6)}${made++}`,
      ...{ matchers, start: now, end: Math.round(now + minutes * 60_000), comment, author, ts: now },
    };
    await alerting.silence(silence);
    return reply.code(201).send(shown(silence));
  });
  app.post<{ Params: { id: string } }>('/api/alerting/silences/:id/end', async (request, reply) => {
    const silence = silences().find(({ id }) => id === request.params.id);
    if (silence === undefined) return reply.code(404).send(missing(`there is no silence ${request.params.id}`));
    const now = clock();
    const ended = { ...silence, end: Math.min(silence.end, now), ts: now };
    await alerting.silence(ended);
    return shown(ended);
  });
  app.post<{ Params: { name: string } }>('/api/alerting/channels/:name/test', async (request, reply) => {
    const outcome = await alerting.test(request.params.name);
    if (outcome !== undefined) return outcome;
    const known = alerting.channels.join(', ') || 'none';
    return reply.code(404).send(missing(`this hub has no channel ${request.params.name}; it has: ${known}`));
  });
}

const missing = (message: string) => ({ error: { code: 'NOT_FOUND', message } });

const shown = ({ matchers, ...silence }: AlertSilence) => ({ ...silence, matchers: matchers.map(showMatcher) });

type AlertView = Alert & { readonly held?: Held };

function view(
  store: Store,
  rules: ReadonlyMap<string, Rule>,
  now: number,
  limit: number,
  alerting: Alerting | undefined,
) {
  const all = store.alerts(MOST_JUDGED);
  const firing = all.filter(({ state }) => state === 'firing');
  const silences = store.current<AlertSilence>(TOPICS.alertSilences.name);
  const heldBy = holdings(rules, firing, silences, now);
  const judged = all.map((alert): AlertView => {
    const held = alert.state === 'firing' ? heldBy(alert) : undefined;
    return held === undefined ? alert : { ...alert, held };
  });
  // What asks for attention first; the store gives what fires before the rest.
  const isFree = ({ state, held }: AlertView) => state === 'firing' && held === undefined;
  const alerts = [...judged.filter(isFree), ...judged.filter((alert) => !isFree(alert))].slice(0, limit);
  const channels = store.current<AlertChannel>(TOPICS.alertChannels.name);
  return {
    alerts,
    firing: firing.length,
    silences: silences
      .filter(({ end }) => end > now - SHOWN_MS)
      .sort((a, b) => b.end - a.end)
      .map(shown),
    channels: channels.map(({ matchers, ...channel }) => ({ ...channel, matchers: matchers.map(showMatcher) })),
    told: store.notifications(MOST_TOLD).map(({ at, value }) => {
      const { alerts: listed, ...notification } = value;
      const of = channels.map((channel) => {
        const state =
          routed(value, { ...channel, match: channel.matchers, everyPart: true }) === undefined
            ? 'not-for-it'
            : at < channel.position
              ? 'done'
              : 'waiting';
        return { channel: channel.channel, state };
      });
      return { ...notification, summaries: listed.slice(0, 3).map(({ summary }) => summary), channels: of };
    }),
    /** Whether this page takes silences. */
    writable: alerting !== undefined,
  };
}
