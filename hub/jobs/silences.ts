import { type GatewayStatus, type ReadingWindow, TOPICS } from '../../contract/index.ts';
import { field, from, job, merge } from '../../streams/core/index.ts';
import { GatewayWatch, type SavedWatch, type StatusSign, type WindowSign } from './gateway-watch.ts';

/** A gateway that holds readings from longer ago passes on late what its devices say. */
const BELATED_MS = 30_000;

interface Sign {
  readonly gateway: string;
  readonly status?: StatusSign;
  readonly window?: WindowSign;
}

const statuses = from<GatewayStatus>(TOPICS.gateways, { trusted: true }).map<Sign>(
  ({ gateway, site, ts, backlog: { oldestTs }, state }, { appendedAt }) => {
    const isCurrent = oldestTs === null || ts - oldestTs <= BELATED_MS;
    return { gateway, status: { site, at: appendedAt, isCurrent, stopped: state === 'stopped' } };
  },
);

/** The windows of devices rather than their readings: a tenth of the records, or less, for the way to the task of their gateway. */
const windows = from<ReadingWindow>(TOPICS.readings10s, { time: field('windowEnd'), trusted: true })
  .map<Sign>(({ gateway, device, site, windowEnd }, { appendedAt }) => {
    return { gateway, window: { device, site, end: Math.min(windowEnd, appendedAt) } };
  })
  .keyBy('gateway', field<Sign>('gateway'));

interface State {
  readonly watch: GatewayWatch;
}

/**
 * Devices and gateways that fall silent, and their return: one event each, and one for a dead gateway with all its devices. A process, because what happens
 * is that nothing does: no operator on records could say it.
 */
export const silences = job(
  'silences',
  merge(windows, statuses).process<State>({
    version: 1,
    series: field<Sign>('gateway'),
    outputs: [TOPICS.silences],
    init: (gateway) => ({ watch: new GatewayWatch(gateway) }),
    step(state, { status, window }) {
      if (status) state.watch.onStatus(status);
      if (window) state.watch.onWindow(window);
      return state;
    },
    tick(state, now, { emit }) {
      const told = state.watch.tick(now);
      for (const silence of told) emit(TOPICS.silences, silence.series, silence);
      if (state.watch.isOver) return undefined;
      return told.length > 0 ? { ...state } : state;
    },
    save: ({ watch }) => watch.save(),
    load: (saved, gateway) => ({ watch: new GatewayWatch(gateway, saved as SavedWatch) }),
  }),
  { commitEveryMs: 1_000 },
);
