// Anomalies.
import { h, head, list, setWhen } from './dom.js';
import { measured, number } from './format.js';
import { ask, refresher } from './stream.js';

const SHOWN = 30;

const SOURCES = { readings: 'reading', 'response-times': 'response time', amounts: 'amount' };

export function anomalies(section, page) {
  const rows = h('ul', { class: 'rows' });
  const empty = h(
    'p',
    { class: 'empty' },
    'No anomalies yet. Detectors learn from the first readings before they judge.',
  );
  head(section, 'Anomalies');
  section.append(empty, rows);

  const load = refresher(async () => {
    const found = await ask('anomalies', { limit: SHOWN });
    empty.hidden = found.length > 0;
    list(
      rows,
      found,
      (a) => a.id,
      (first) => anomalyRow(first, page),
    );
  });
  return {
    load,
    onFrame(frame) {
      if (frame.anomalies.length > 0) load();
    },
  };
}

function anomalyRow(anomaly, page) {
  const known = anomaly.source === 'readings' ? page.bySeries(anomaly.series) : undefined;
  const name = known
    ? h(
        'button',
        { type: 'button', class: 'link', onclick: () => page.choose(known) },
        `${known.device} · ${known.metric}`,
      )
    : h('span', {}, anomaly.series);
  const unit = known?.unit ?? (anomaly.source === 'response-times' ? 'ms' : '1');
  const expected = anomaly.expected === null ? '' : `, expected ${number(anomaly.expected)}`;
  const at = h('time');
  setWhen(at, anomaly.ts);
  return {
    node: h(
      'li',
      {},
      h('span', { class: 'score', title: 'Score, 0 to 1' }, anomaly.score.toFixed(2)),
      h('span', { class: 'grow' }, name, ` ${measured(anomaly.value, unit)}${expected}`),
      at,
      h('span', { class: 'quiet under' }, `${SOURCES[anomaly.source]} · ${anomaly.reason}`),
    ),
    update: () => {},
  };
}
