// Readings: the chosen device and metric large, all others small.
import { aligned, chart, withGaps } from './chart.js';
import { attribute, h, head, list, now, text } from './dom.js';
import { measured } from './format.js';
import { picker } from './picker.js';
import { spark } from './spark.js';
import { ask, refresher } from './stream.js';

const TILES = 24;
const RAW_KEPT = 3_000;
const TILE_POINTS = 60;
const keyOf = (s) => `${s.device} ${s.metric}`;

export function readings(section, page) {
  const choose = (series) => page.choose({ device: series.device, metric: series.metric });
  const pick = picker(choose);
  head(section, 'Readings', pick.node);
  const place = h('div', { class: 'chart tall' });
  const tiles = h('ul', { class: 'tiles', 'aria-label': 'All devices' });
  const empty = h(
    'p',
    { class: 'empty' },
    'No readings yet. They show here as soon as a gateway forwards the first one.',
  );
  const more = h('p', { class: 'quiet', hidden: true });
  section.append(place, empty, tiles, more);
  const plot = chart(place, {
    lines: [
      { label: 'min–max', colour: '--blue-soft', width: 0.5, from: 2 },
      { colour: '--blue-soft', width: 0.5, legend: false },
      { label: 'mean', colour: '--blue', width: 2 },
      { label: 'reading', colour: '--dot', dots: true },
      { label: 'anomaly', colour: '--orange', rings: true },
    ],
    band: [1, 2],
    format: (v) => measured(v, shown.unit),
  });

  let all = [];
  let byKey = new Map();
  let shown = { unit: '1', windowMs: 10_000, start: [], mean: [], min: [], max: [], anomalies: [] };
  let raw = new Map();
  /** Points of the tiles from before their first window. */
  const heard = new Map();

  function current() {
    const { device, metric } = page.state;
    return byKey.get(`${device} ${metric}`) ?? all.find((s) => s.metric === 'temperature') ?? all[0];
  }

  function draw() {
    const series = current();
    if (!series) return;
    const from = now() - page.state.minutes * 60_000;
    // Raw readings would hide the windows of a longer time.
    const points = page.state.minutes > 60 ? [] : [...raw].filter(([ts]) => ts >= from).sort(([a], [b]) => a - b);
    const anomalies = shown.anomalies.toSorted((a, b) => a.ts - b.ts);
    const windows = withGaps(shown.start, shown.windowMs, [shown.max, shown.min, shown.mean]);
    const data = aligned([
      windows,
      [points.map(([ts]) => ts), points.map(([, value]) => value)],
      [anomalies.map((a) => a.ts), anomalies.map((a) => a.value)],
    ]);
    const last = points.at(-1)?.[1] ?? shown.mean.at(-1);
    plot.set(data, {
      minutes: page.state.minutes,
      label: `${series.metric} of ${series.device}, last ${measured(last, shown.unit)}, ${anomalies.length} anomalies`,
    });
  }

  const loadChosen = refresher(async () => {
    const series = current();
    if (!series) return;
    const { device, metric } = series;
    const loaded = await ask('readings', { device, metric, minutes: page.state.minutes });
    if (keyOf(current()) !== keyOf(series)) return;
    shown = loaded;
    raw = new Map([...raw, ...loaded.raw].slice(-RAW_KEPT));
    draw();
  });

  const loadTiles = refresher(async () => {
    const visible = all.slice(0, TILES);
    const rows = await ask('sparks', { series: visible.flatMap((s) => (s.series ? [s.series] : [])) });
    const bySeries = new Map(rows.map((row) => [row.series, row]));
    for (const series of visible) series.spark = bySeries.get(series.series);
    renderTiles();
  }, 2_000);

  const loadAll = refresher(async () => {
    const before = byKey;
    all = await ask('series');
    byKey = new Map(all.map((s) => [keyOf(s), s]));
    for (const [key, series] of byKey) series.spark = before.get(key)?.spark;
    show();
    loadChosen();
    loadTiles();
  }, 2_000);

  function show() {
    empty.hidden = all.length > 0;
    place.hidden = all.length === 0;
    const rest = all.length - TILES;
    more.hidden = rest <= 0;
    text(more, `${rest} more series: choose them by name above`);
    pick.show(all, current());
    page.known(all);
    renderTiles();
  }

  function renderTiles() {
    const chosen = current();
    list(tiles, all.slice(0, TILES), keyOf, tile(choose));
    for (const node of tiles.children) {
      attribute(node.firstChild, 'aria-pressed', String(chosen !== undefined && node.dataset.key === keyOf(chosen)));
    }
  }

  function onReadings(frameReadings) {
    const chosen = current();
    let unknown = false;
    for (const [device, metric, ...points] of frameReadings) {
      const key = `${device} ${metric}`;
      const series = byKey.get(key);
      unknown ||= series === undefined;
      if (!series) continue;
      series.value = points.at(-1);
      series.ts = points.at(-2);
      if (!series.spark) {
        const kept = heard.get(key) ?? { start: [], mean: [] };
        for (let i = 0; i < points.length; i += 2) {
          kept.start.push(points[i]);
          kept.mean.push(points[i + 1]);
        }
        heard.set(key, { start: kept.start.slice(-TILE_POINTS), mean: kept.mean.slice(-TILE_POINTS) });
        series.heard = heard.get(key);
      }
      if (chosen && key === keyOf(chosen)) for (let i = 0; i < points.length; i += 2) raw.set(points[i], points[i + 1]);
    }
    while (raw.size > RAW_KEPT) raw.delete(raw.keys().next().value);
    if (unknown) loadAll();
    page.soon(draw);
    page.soon(renderTiles);
  }

  return {
    load: loadAll,
    onChoice() {
      raw = new Map();
      shown = { ...shown, start: [], mean: [], min: [], max: [], anomalies: [], unit: current()?.unit ?? '1' };
      show();
      loadChosen();
    },
    onFrame(frame) {
      if (frame.readings.length > 0) onReadings(frame.readings);
      if (frame.anomalies.some((a) => a.source === 'readings')) loadChosen();
      if (frame.changed.includes('iot.readings.10s')) {
        loadChosen();
        loadTiles();
        if (all.some((s) => s.series === null)) loadAll();
      }
    },
  };
}

function tile(choose) {
  return (first) => {
    let series = first;
    const line = spark();
    const value = h('output', {});
    const button = h(
      'button',
      { type: 'button', onclick: () => choose(series) },
      h('span', { class: 'name' }, series.device),
      h('span', { class: 'quiet' }, series.metric),
      value,
      line.node,
    );
    return {
      node: h('li', { 'data-key': keyOf(series) }, button),
      update(next) {
        series = next;
        text(value, measured(series.value, series.unit));
        const drawn = series.spark?.start.length > 1 ? series.spark : series.heard;
        if (drawn) line.set(drawn.start, drawn.mean);
      },
    };
  };
}
