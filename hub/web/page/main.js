// Puts the sections together and hands them what the server tells.
import { alerts } from './alerts.js';
import { anomalies } from './anomalies.js';
import { setBadge, setNow, text, tickAges } from './dom.js';
import { episodes } from './episodes.js';
import { duration } from './format.js';
import { gateways } from './gateways.js';
import { health } from './health.js';
import { overview } from './overview.js';
import { own } from './own.js';
import { readings } from './readings.js';
import { refused } from './refused.js';
import { sites } from './sites.js';
import { starting } from './starting.js';
import { follow } from './stream.js';
import { startTheme } from './theme-toggle.js';
import { transactions } from './transactions.js';
import { web } from './web.js';

const RENDER_EVERY_MS = 250;
const element = (id) => document.getElementById(id);
const address = new URL(location.href);

/** What sections share: the choice, which is also in the address, and a few services. */
const page = {
  state: {
    device: address.searchParams.get('device'),
    metric: address.searchParams.get('metric'),
    minutes: Number(address.searchParams.get('minutes')) || 15,
  },
  choose(change) {
    const { device, metric, minutes } = { ...page.state, ...change };
    Object.assign(page.state, { device, metric, minutes });
    for (const [name, value] of Object.entries(page.state)) if (value !== null) address.searchParams.set(name, value);
    history.replaceState(null, '', address);
    for (const section of sections) (section.onChoice ?? section.load)?.();
  },
  /** Series by the name that windows and anomalies know them by. */
  known(all) {
    series = new Map(all.filter((s) => s.series !== null).map((s) => [s.series, s]));
  },
  bySeries: (name) => series.get(name),
  announce: (message) => text(element('announcer'), message),
  /** Runs `render` once, a little later, however often it is asked for meanwhile. */
  soon(render) {
    if (pending.has(render)) return;
    pending.add(render);
    setTimeout(() => {
      pending.delete(render);
      if (!document.hidden) render();
    }, RENDER_EVERY_MS);
  },
};
let series = new Map();
const pending = new Set();

startTheme(element('theme'));
const makers = {
  overview,
  starting,
  readings,
  alerts,
  anomalies,
  sites,
  episodes,
  web,
  transactions,
  own,
  gateways,
  health,
  refused,
};
const sections = Object.entries(makers).map(([id, make]) => make(element(id), page));

const minutes = element('minutes');
minutes.value = String(page.state.minutes);
minutes.addEventListener('change', () => page.choose({ minutes: Number(minutes.value) }));

const WORDS = {
  live: () => ['good', 'Live'],
  waiting: () => ['waiting', 'Connecting'],
  lost: (heardAt) => ['bad', `No connection for ${duration(Date.now() - heardAt)}`],
};
follow({
  onFrame(frame) {
    if (frame.summary) setNow(frame.summary.now);
    for (const section of sections) section.onFrame(frame);
  },
  onSnapshot() {
    for (const section of sections) section.load?.();
  },
  onState: (state, heardAt) => setBadge(element('connection'), ...WORDS[state](heardAt)),
});
setInterval(tickAges, 1_000);
