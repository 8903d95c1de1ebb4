// Web traffic: how much, how much of it fails, how fast it is answered.
import { aligned, chart, withGaps } from './chart.js';
import { h, head, text } from './dom.js';
import { count, millis, percent, rate } from './format.js';
import { ask, refresher } from './stream.js';
import { table } from './table.js';

export function web(section, page) {
  let chosen;
  const empty = h(
    'p',
    { class: 'empty' },
    'No requests yet. They come from an access log that is followed, or from the traffic generator.',
  );
  const full = h('div', { class: 'split' });
  const traffic = h('figure', {}, h('figcaption', {}, 'Requests a second, all paths'), h('div', { class: 'chart' }));
  const timesOf = h('b');
  const times = h('figure', {}, h('figcaption', {}, 'Response time of ', timesOf), h('div', { class: 'chart' }));
  const paths = table(
    'Busiest paths of the last 5 minutes',
    [
      { name: 'Path', of: (p) => p.path },
      { name: 'Req/s', of: (p) => rate(p.perSecond) },
      { name: 'Errors', of: (p) => percent(p.errorShare), flag: (p) => p.errorShare >= 0.05 },
      { name: 'p50', of: (p) => millis(p.p50), wide: true },
      { name: 'p95', of: (p) => millis(p.p95), wide: true },
      { name: 'p99', of: (p) => millis(p.p99) },
    ],
    (p) => p.series,
    (p) => {
      chosen = p.series;
      load();
    },
  );
  const more = h('p', { class: 'quiet', hidden: true });
  head(section, 'Web traffic');
  full.append(traffic, times);
  section.append(empty, full, paths.node, more);

  const trafficChart = chart(traffic.lastChild, {
    lines: [
      { label: 'all', colour: '--blue', width: 2 },
      { label: 'failed', colour: '--orange', width: 2, dash: [6, 3] },
    ],
    format: rate,
    zero: true,
  });
  const timesChart = chart(times.lastChild, {
    lines: [
      { label: 'p50', colour: '--teal', width: 2 },
      { label: 'p95', colour: '--blue', width: 1.5, dash: [8, 3] },
      { label: 'p99', colour: '--purple', width: 1.5, dash: [2, 3] },
    ],
    format: millis,
    zero: true,
  });

  const load = refresher(async () => {
    const { minutes } = page.state;
    const seen = await ask('web', { minutes, series: chosen });
    empty.hidden = seen.start.length > 0;
    full.hidden = paths.node.hidden = seen.start.length === 0;
    const failed = seen.requestsPerSecond.map((n, i) => n * seen.errorShare[i]);
    trafficChart.set(aligned([withGaps(seen.start, seen.windowMs, [seen.requestsPerSecond, failed])]), {
      minutes,
      label: `Requests a second, last ${rate(seen.requestsPerSecond.at(-1) ?? 0)}`,
    });
    const { shown } = seen;
    text(timesOf, shown.path ?? '');
    timesChart.set(aligned([withGaps(shown.start, seen.windowMs, [shown.p50, shown.p95, shown.p99])]), {
      minutes,
      label: `Response time of ${shown.path}, last p99 ${millis(shown.p99.at(-1))}`,
    });
    paths.show(
      seen.paths.map((p) => ({ ...p, perSecond: (p.count * 1000) / seen.tableMs })),
      shown.series,
    );
    more.hidden = seen.pathCount <= seen.paths.length;
    text(more, `${count(seen.pathCount - seen.paths.length)} quieter paths`);
  });
  return {
    load,
    onFrame(frame) {
      if (frame.changed.some((topic) => topic.startsWith('web.requests'))) load();
    },
  };
}
