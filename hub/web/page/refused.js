// What was not understood, and what came too late.
import { h, head, list, setWhen, text } from './dom.js';
import { clock, count } from './format.js';
import { ask, refresher } from './stream.js';

export function refused(section) {
  const empty = h('p', { class: 'empty' }, 'Nothing refused: everything that came was understood and in time.');
  const tallies = h('ul', { class: 'chips' });
  const rows = h('ul', { class: 'rows' });
  head(section, 'Dead letters and late');
  section.append(empty, tallies, rows);

  const load = refresher(async () => {
    const { deadLetters, late } = await ask('refused');
    empty.hidden = deadLetters.byCode.length + late.byStep.length > 0;
    list(
      tallies,
      [...deadLetters.byCode, ...late.byStep.map(({ name, count }) => ({ name: `late for ${name}`, count }))],
      (tally) => tally.name,
      chip,
    );
    const letters = deadLetters.latest.map((d) => ({
      at: d.ts,
      code: d.code,
      origin: d.origin,
      why: d.reason,
      glimpse: d.glimpse,
    }));
    const lates = late.latest.map((l) => ({
      at: l.ts,
      code: 'late',
      origin: `${l.topic} ${l.series}`,
      why: `window ${clock(l.windowStart)}–${clock(l.windowEnd)} of ${l.step} had closed`,
      glimpse: l.glimpse,
    }));
    const all = [...letters, ...lates].sort((a, b) => b.at - a.at);
    // Equal ones that came together are shown as one.
    list(rows, all, (item) => `${item.at} ${item.code} ${item.origin} ${item.glimpse}`, row);
  });
  return {
    load,
    onFrame(frame) {
      if (frame.changed.includes('dead-letters') || frame.changed.includes('late')) load();
    },
  };
}

function chip(first) {
  const number = h('b');
  return {
    node: h('li', {}, number, ` ${first.name}`),
    update: (tally) => text(number, count(tally.count)),
  };
}

function row(item) {
  const at = h('time');
  setWhen(at, item.at);
  return {
    node: h(
      'li',
      {},
      h('b', { class: 'grow' }, item.code),
      at,
      h('span', { class: 'quiet under' }, item.origin),
      h('span', { class: 'under' }, item.why),
      h('code', { class: 'under' }, item.glimpse),
    ),
    update: () => {},
  };
}
