// Windows of the jobs that somebody added to the hub: one column of one series large, the latest of the others in a table.
import { aligned, chart, withGaps } from './chart.js';
import { h, head, list, text } from './dom.js';
import { count, number } from './format.js';
import { ask, refresher } from './stream.js';
import { table } from './table.js';

export function own(section, page) {
  const chosen = { topic: undefined, column: undefined, series: undefined };
  let known = [];
  const choose = (name) => (event) => {
    chosen[name] = event.target.value;
    load();
  };
  const topics = h('select', { 'aria-label': 'Results to show', onchange: choose('topic') });
  const columns = h('select', { 'aria-label': 'Column to show', onchange: choose('column') });
  const about = h('p', { class: 'quiet' });
  const empty = h(
    'p',
    { class: 'empty' },
    'No windows in this time yet. They show here as soon as the first one closes; if they are rare, show a longer time.',
  );
  const what = h('b');
  const figure = h('figure', {}, h('figcaption', {}, what), h('div', { class: 'chart' }));
  const rows = table(
    'Series with the most records',
    [
      { name: 'Series', of: (row) => row.series },
      { name: 'Latest', of: (row) => latest(row[chosen.column]) },
    ],
    (row) => row.series,
    (row) => {
      chosen.series = row.series;
      load();
    },
  );
  const more = h('p', { class: 'quiet', hidden: true });
  head(section, 'Your jobs', h('div', { class: 'choices' }, topics, columns));
  const full = h('div', { class: 'split' }, figure, h('div', {}, rows.node, more));
  section.append(about, empty, full);
  const plot = chart(figure.lastChild, {
    lines: [{ label: 'value', colour: '--blue', width: 2 }],
    format: number,
  });

  const load = refresher(async () => {
    const { minutes } = page.state;
    const seen = await ask('own', { minutes, topic: chosen.topic, series: chosen.series });
    known = seen.topics.map(({ name }) => name);
    const link = document.querySelector('nav a[href="#own"]');
    section.hidden = link.hidden = known.length === 0;
    if (known.length === 0) return;
    const { shown } = seen;
    chosen.topic = seen.topic;
    if (!seen.columns.includes(chosen.column)) chosen.column = preferred(seen.columns);
    options(topics, known, chosen.topic);
    options(columns, seen.columns, chosen.column);
    text(about, seen.topics.find(({ name }) => name === seen.topic).description);
    empty.hidden = shown.start.length > 0;
    columns.hidden = full.hidden = shown.start.length === 0;
    const values = shown.values[chosen.column] ?? [];
    const { windowMs } = seen;
    const drawn = windowMs === null ? [shown.start, values] : withGaps(shown.start, windowMs, [values]);
    text(what, `${chosen.column} of ${shown.series}`);
    plot.set(aligned([drawn]), {
      minutes,
      label: `${chosen.column} of ${shown.series}, last ${number(values.at(-1))}`,
    });
    rows.show(seen.latest, shown.series);
    const rest = seen.seriesCount - seen.latest.length;
    more.hidden = rest <= 0;
    text(more, `${count(rest)} more series`);
  });

  return {
    load,
    onFrame({ changed }) {
      if (changed.some((topic) => known.includes(topic))) load();
    },
  };
}

/** How many there were says least. */
const preferred = (columns) => columns.find((name) => name !== 'count') ?? columns[0];

const latest = (value) => (typeof value === 'number' ? number(value) : String(value ?? '–'));

function options(select, names, chosen) {
  list(
    select,
    names,
    (name) => name,
    (name) => ({ node: h('option', { value: name }, name), update: () => {} }),
  );
  if (select.value !== chosen) select.value = chosen;
}
