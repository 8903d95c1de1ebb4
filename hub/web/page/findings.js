// Alerts and anomalies.
import { badge, h, head, list, setBadge, setWhen, text } from './dom.js';
import { measured, number } from './format.js';
import { ask, refresher } from './stream.js';

const STATES = { firing: 'bad', pending: 'waiting', resolved: 'good' };
const SHOWN = 30;

export function alerts(section, page) {
  const rows = h('ul', { class: 'rows' });
  const empty = h(
    'p',
    { class: 'empty' },
    'No alerts. A rule whose condition holds shows here, first as pending, then as firing.',
  );
  head(section, 'Alerts');
  section.append(empty, rows);
  /** Firing alerts already told; undefined until the first load, which tells nothing. */
  let told;

  const load = refresher(async () => {
    const found = await ask('alerts', { limit: SHOWN });
    empty.hidden = found.length > 0;
    list(rows, found, (a) => a.id, alertRow);
    const firing = found.filter((a) => a.state === 'firing');
    const fresh = firing.filter((a) => told && !told.has(a.id));
    if (fresh.length > 0) page.announce(`Alert firing: ${fresh.map((a) => a.summary).join('; ')}`);
    told = new Set(firing.map((a) => a.id));
  });
  return {
    load,
    onFrame(frame) {
      if (frame.changed.includes('alerts')) load();
    },
  };
}

function alertRow() {
  const state = badge('waiting', '');
  const summary = h('span', { class: 'grow' });
  const rule = h('span', { class: 'quiet under' });
  const since = h('time');
  return {
    node: h('li', {}, state, summary, since, rule),
    update(alert) {
      setBadge(state, STATES[alert.state], alert.state);
      text(summary, alert.summary);
      text(rule, `${alert.severity} · ${alert.rule} · ${alert.series}`);
      setWhen(since, alert.state === 'resolved' ? alert.ts : alert.since);
    },
  };
}

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
