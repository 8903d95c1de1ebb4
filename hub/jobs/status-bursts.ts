import { type Breach, TOPICS, type WebSiteWindow } from '../../contract/index.ts';
import { type Flow, field, type Plan } from '../../streams/core/index.ts';

/** Status codes by what they mean to the site, and the share that is taken for usual at first. */
const CLASSES: readonly { readonly kind: string; readonly shareOf: (window: WebSiteWindow) => number }[] = [
  { kind: 'server-errors', shareOf: ({ errorShare }) => errorShare },
  { kind: 'login-failures', shareOf: ({ deniedShare }) => deniedShare },
  { kind: 'not-found', shareOf: ({ missingShare }) => missingShare },
];
const FIRST_USUAL = 0.02;
/** A burst is that many times the usual share, and at least so much more, of at least so many requests; chance does not bring it about: five standard deviations. */
const TIMES_USUAL = 3;
const MORE = 0.03;
const LEAST_REQUESTS = 10;
const DEVIATIONS = 5;
/** What is usual follows a window of 100 requests and more by this share: it holds for some ten minutes. */
const LEARNT = 0.02;
/** During a burst it hardly learns, but what goes on for most of an hour is usual in the end. */
const LEARNT_IN_BURST = 0.001;

/** The usual share of each class, by its kind. */
type Usual = Readonly<Record<string, number>>;

/** Windows of the whole site in which a class of status had a far greater share than it usually has. No declaration could say it: it remembers. */
export function statusBursts(site: Flow<WebSiteWindow>): Plan {
  return site.process<Usual>({
    version: 1,
    series: field<WebSiteWindow>('series'),
    outputs: [TOPICS.breaches],
    init: () => ({}),
    step(usual, window, _ts, { series: subject, emit }) {
      const { windowStart, windowEnd, count } = window;
      const learnt = CLASSES.map(({ kind, shareOf }) => {
        const before = usual[kind] ?? FIRST_USUAL;
        const share = shareOf(window);
        const chance = DEVIATIONS * Math.sqrt(before / count);
        const limit = Math.max(before * TIMES_USUAL, before + MORE, before + chance);
        const isBurst = share > limit && Math.round(share * count) >= LEAST_REQUESTS;
        if (isBurst) {
          const series = `${kind}/${subject}`;
          const breach: Breach = { series, windowStart, windowEnd, revision: 0, count, kind, subject, value: share };
          emit(TOPICS.breaches, series, breach);
        }
        const weight = (isBurst ? LEARNT_IN_BURST : LEARNT) * Math.min(1, count / 100);
        return [kind, before + weight * (share - before)];
      });
      return Object.fromEntries(learnt);
    },
  });
}
