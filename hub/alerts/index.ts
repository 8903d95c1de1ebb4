import { type Alert, TOPICS } from '../../contract/index.ts';
import { field, from, type Job, job, merge } from '../../streams/core/index.ts';
import { type Episode, onSignal, onTick, QUIET } from './episode.ts';
import { loadRules, type Rule } from './rules.ts';
import { type Signal, signalsOf } from './signals.ts';

export {
  AlertsConfig,
  type ChannelConfig,
  type Channels,
  type ChannelsOptions,
  groupIdOf,
  type Outcome,
  openChannel,
  PLAIN_FILES,
  routed,
  SECRET_FILES,
  startChannels,
} from './channels/index.ts';
export {
  DEFAULT_TIMES,
  fits,
  type Held,
  holdings,
  isActive,
  labelsOf,
  notifySteps,
  parseMatcher,
  showMatcher,
  type TellingTimes,
} from './notify/index.ts';
export { loadRules, parseRules, type Rule, type When } from './rules.ts';
export { openSilenceWriter, type SilenceWriter } from './silences.ts';

const signal = field<Signal>;
/** Without a tick for so long nobody has listened: the machine slept, or its clock was set ahead. */
const UNHEARD_MS = 20_000;

/**
 * Watches results and says when something needs a person. What concerns a rule meets in one task, so that a rule can be about series of any partition;
 * there each rule and series has an episode.
 */
export function alerts(rules: readonly Rule[] = loadRules()): Job {
  const byId = new Map(rules.map((rule) => [rule.id, rule]));
  const topics = [...new Set(rules.map((rule) => rule.topic))];
  const signals = topics.map((topic) => {
    const concerned = rules.filter((rule) => rule.topic === topic);
    return from<object>(topic, { trusted: true, time: field(concerned[0]!.time) }).flatMap<Signal>(
      (record, { appendedAt }) => signalsOf(concerned, record, appendedAt),
    );
  });
  let tickedAt = 0;
  let listeningSince = 0;
  const plan = merge(...signals)
    .keyBy('rule', signal('key'), { partitions: 1 })
    .process<Episode>({
      version: 1,
      series: signal('key'),
      outputs: [TOPICS.alerts],
      init: () => QUIET,
      step(episode, of, _ts, { emit, series }) {
        const rule = byId.get(of.rule);
        return rule && onSignal(rule, episode, of, (alert) => emit(TOPICS.alerts, series, alert));
      },
      tick(episode, now, { emit, series }) {
        if (now < tickedAt || now - tickedAt > UNHEARD_MS) listeningSince = now;
        tickedAt = now;
        const tell = (alert: Alert) => emit(TOPICS.alerts, series, alert);
        return onTick(byId.get(episode.last!.rule), episode, now, listeningSince, tell);
      },
      save: ({ heardAt, ...episode }) => ({ ...episode, heardAt: null }),
    });
  return job('alerts', plan);
}
