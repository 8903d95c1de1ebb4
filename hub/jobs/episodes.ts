import { type Breach, TOPICS } from '../../contract/index.ts';
import { distinct, field, from, job, max } from '../../streams/core/index.ts';

/** Breaches so far apart are two episodes. */
const GAP_MS = 30_000;

const breach = field<Breach>;

/**
 * Breaches of a limit that follow one another are one episode, which is told when it begins and when it is over. Breaches come from jobs that may be at
 * different times, one of them hours behind, so each kind keeps its own time.
 */
export const episodes = job(
  'episodes',
  from<Breach>(TOPICS.breaches, { time: breach('windowStart'), origin: breach('kind'), trusted: true }).windows({
    by: { kind: breach('kind'), subject: breach('subject') },
    sizes: [{ gapMs: GAP_MS, to: TOPICS.episodes }],
    select: {
      // A breach that is put out again, refined, is still one.
      count: distinct(breach('windowStart')),
      most: max(breach('count')),
      peak: max(breach('value')),
      until: max(breach('windowEnd')),
    },
    emit: { earlyEveryMs: 1_000 },
    graceMs: 3_600_000,
  }),
);
