// The strip of figures at the top.
import { attribute, h, text } from './dom.js';
import { count, millis, rate } from './format.js';

/** Name, what it shows of a summary, the smaller line under it, and whether it asks for attention. */
const TILES = [
  ['Readings', (s) => rate(s.readingsPerSecond), () => 'a second'],
  ['Latency', (s) => millis(s.latencyMs.p50), (s) => `p99 ${millis(s.latencyMs.p99)}`],
  ['Behind', (s) => (s.lag ? count(s.lag.most) : '–'), (s) => s.lag?.of.split('/')[0] ?? 'not told'],
  ['Counted', (s) => count(s.readings.counted), (s) => `of ${count(s.readings.acknowledged)}`],
  ['Lost', (s) => count(s.readings.lost), lostHow, (s) => (s.readings.lost > 0 ? 'bad' : 'good')],
  ['Repeats', (s) => count(s.readings.duplicatesDropped), () => 'dropped'],
  ['Windows', (s) => count(s.windows), () => 'computed'],
  ['Anomalies', (s) => count(s.anomalies), () => 'found'],
  ['Alerts', (s) => count(s.alertsFiring), () => 'firing', (s) => (s.alertsFiring > 0 ? 'bad' : 'good')],
  ['Dead letters', (s) => count(s.deadLetters), () => 'kept'],
  ['Late', (s) => count(s.late), () => 'too late'],
];

function lostHow({ readings: { lost, gaps, evicted, refused } }) {
  if (lost === 0) return 'none';
  return [
    [gaps, 'missing'],
    [evicted, 'evicted'],
    [refused, 'refused'],
  ]
    .filter(([n]) => n > 0)
    .map(([n, how]) => `${count(n)} ${how}`)
    .join(', ');
}

export function overview(section) {
  const tiles = TILES.map(([name, value, note, state]) => {
    const figure = h('strong', {}, '–');
    const under = h('span', { class: 'quiet' }, '\u00a0');
    const node = h('div', { class: 'figure' }, h('span', { class: 'name' }, name), figure, under);
    section.append(node);
    return (summary) => {
      text(figure, value(summary));
      text(under, note(summary));
      attribute(node, 'data-state', state?.(summary));
    };
  });
  return {
    onFrame({ summary }) {
      if (summary) for (const tile of tiles) tile(summary);
    },
  };
}
