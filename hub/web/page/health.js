// The pipeline's own health: how fast, how far behind, how large.
import { chart } from './chart.js';
import { h, head, list, now, text } from './dom.js';
import { age, bytes, count, duration, millis, percent, rate } from './format.js';
import { isStarting, partRow } from './starting.js';
import { ask, refresher } from './stream.js';
import { table } from './table.js';

const MINUTES = 10;
const SHOWN_LAGS = 8;

export function health(section) {
  const flow = h('figure', {}, h('figcaption', {}, 'Readings a second'), h('div', { class: 'chart low' }));
  const delay = h('figure', {}, h('figcaption', {}, 'Gateway to page'), h('div', { class: 'chart low' }));
  const processes = table(
    'Processes',
    [
      { name: 'Process', of: (p) => p.value.process },
      // A client does not see these of a broker.
      { name: 'Memory', of: (p) => bytes(p.value.rssMb > 0 ? p.value.rssMb * 1e6 : null) },
      { name: 'CPU', of: (p) => (p.value.rssMb > 0 ? percent(p.value.cpuShare) : '–') },
      { name: 'Free disk', of: (p) => bytes(p.value.diskFreeBytes), wide: true },
      {
        name: 'Certificates',
        of: (p) =>
          p.value.certificateDaysLeft === undefined ? '–' : `${Math.floor(p.value.certificateDaysLeft)} days`,
        flag: (p) => p.value.certificateDaysLeft < 21,
        wide: true,
      },
      { name: 'Runs for', of: (p) => (p.value.startedAt ? duration(now() - p.value.startedAt) : '–'), wide: true },
      // Of brokers it is told every half minute.
      { name: 'Seen', of: (p) => age(p.seenAt, now()), flag: (p) => now() - p.seenAt > 60_000 },
    ],
    (p) => p.value.process,
  );
  const lags = table(
    'Lag by consumer group and topic',
    [
      { name: 'Group / topic', of: (l) => l.name },
      { name: 'Records behind', of: (l) => count(l.lag) },
    ],
    (l) => l.name,
  );
  const more = h('p', { class: 'quiet', hidden: true });
  const empty = h('p', { class: 'empty' }, 'No process has reported yet.');
  const troubles = h('ul', { class: 'rows', 'aria-label': 'Parts that are not ready', hidden: true });
  head(section, 'Pipeline health');
  section.append(troubles, h('div', { class: 'split' }, flow, delay), empty, processes.node, lags.node, more);
  const flowChart = chart(flow.lastChild, {
    lines: [{ label: 'arriving', colour: '--blue', width: 2 }],
    format: rate,
    zero: true,
  });
  const delayChart = chart(delay.lastChild, {
    lines: [
      { label: 'p50', colour: '--teal', width: 2 },
      { label: 'p99', colour: '--purple', width: 1.5, dash: [2, 3] },
    ],
    format: millis,
    zero: true,
  });
  let history = [];

  function draw() {
    const at = history.map((pulse) => pulse.at);
    const { readingsPerSecond, latencyMs } = history.at(-1);
    flowChart.set([at, history.map((pulse) => pulse.readingsPerSecond)], {
      minutes: MINUTES,
      label: `Readings a second, now ${rate(readingsPerSecond)}`,
    });
    delayChart.set([at, history.map((pulse) => pulse.latencyMs.p50), history.map((pulse) => pulse.latencyMs.p99)], {
      minutes: MINUTES,
      label: `Time from gateway to page, p99 now ${millis(latencyMs.p99)}`,
    });
  }

  const load = refresher(async () => {
    const known = await ask('health');
    empty.hidden = known.length > 0;
    processes.node.hidden = lags.node.hidden = known.length === 0;
    processes.show(known.filter((p) => p.value.rssMb > 0 || p.value.kind === 'kafka'));
    const behind = new Map();
    for (const { value } of known)
      for (const [name, lag] of Object.entries(value.lag)) behind.set(name, Math.max(lag, behind.get(name) ?? 0));
    const groups = [...behind].map(([name, lag]) => ({ name, lag }));
    groups.sort((a, b) => b.lag - a.lag || (a.name < b.name ? -1 : 1));
    lags.show(groups.slice(0, SHOWN_LAGS));
    const rest = groups.slice(SHOWN_LAGS);
    more.hidden = rest.length === 0;
    text(more, `${count(rest.length)} more, at most ${count(rest[0]?.lag ?? 0)} behind`);
  }, 2_000);

  const loadHistory = refresher(async () => {
    history = await ask('pulse');
  });

  return {
    load() {
      load();
      loadHistory();
    },
    onFrame({ changed, summary }) {
      if (changed.includes('platform.health')) load();
      if (!summary) return;
      const late = isStarting(summary) ? [] : summary.parts.filter((part) => part.state !== 'ready');
      troubles.hidden = late.length === 0;
      list(troubles, late, (part) => part.name, partRow);
      history.push({ ...summary, at: summary.now });
      if (history.length > MINUTES * 60) history.shift();
      draw();
    },
  };
}
