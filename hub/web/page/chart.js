// Line charts over time: uPlot with the page's colours, sizes and manners.
import uPlot from '/vendor/uplot.js';
import { h, now, text } from './dom.js';
import { number } from './format.js';
import { themeColour } from './theme-toggle.js';

const calm = matchMedia('(prefers-reduced-motion: reduce)');
const DRAW_EVERY_MS = 250;
const CALM_DRAW_EVERY_MS = 1_000;

/** The table of columns as uPlot wants it: one axis of times, what has no value at a time left undefined, gaps null. */
export function aligned(tables) {
  return uPlot.join(
    tables,
    tables.map((table) => table.map(() => 1)),
  );
}

/** Columns of windows with their middle as time and a null row wherever at least one window is missing, so that a gap shows as one. */
export function withGaps(start, windowMs, columns) {
  const out = [[], ...columns.map(() => [])];
  start.forEach((at, i) => {
    if (i > 0 && at - start[i - 1] > windowMs * 1.5) {
      out[0].push(start[i - 1] + windowMs * 1.5);
      for (let c = 0; c < columns.length; c++) out[c + 1].push(null);
    }
    out[0].push(at + windowMs / 2);
    columns.forEach((column, c) => {
      out[c + 1].push(column[i]);
    });
  });
  return out;
}

/**
 * A chart in `place`, which gives it its size. `lines` describe the columns after the time: `{label, colour, width, dash, dots, rings, legend, from}`:
 * `colour` is the name of a CSS variable, `from` the column where the range begins that is read out with this one. `band` names two columns to
 * fill between, `format` writes a value with its unit.
 * `set(data, {minutes, format, label})` draws at most four times a second.
 */
export function chart(place, { lines, band, format, zero = false }) {
  const view = { minutes: 15, format };
  const legend = h('p', { class: 'legend', 'aria-hidden': 'true' });
  const box = h('div', { class: 'canvas', role: 'img' });
  const values = lines.map((line) => {
    const value = h('output', {}, '');
    if (line.legend !== false)
      legend.append(
        h(
          'span',
          { class: `key ${line.dots ? 'dots' : line.rings ? 'rings' : ''}`, 'data-colour': line.colour },
          line.label,
          value,
        ),
      );
    return value;
  });
  place.append(legend, box);

  let data = [[], ...lines.map(() => [])];
  let plot;
  let drawnAt = 0;
  let timer;

  function options() {
    const ink = themeColour('--muted');
    const font = `${Math.round(parseFloat(getComputedStyle(document.documentElement).fontSize) * 0.72)}px system-ui, sans-serif`;
    const axis = {
      stroke: ink,
      font,
      grid: { stroke: themeColour('--line'), width: 1 },
      ticks: { show: false },
      gap: 4,
    };
    const series = lines.map((line) => {
      const colour = themeColour(line.colour);
      const onlyPoints = line.dots || line.rings;
      return {
        stroke: colour,
        width: line.width ?? 1.6,
        dash: line.dash,
        paths: onlyPoints ? () => null : undefined,
        points: onlyPoints
          ? {
              show: true,
              size: line.rings ? 10 : 3.5,
              fill: line.rings ? themeColour('--panel') : colour,
              stroke: colour,
              width: line.rings ? 2 : 0,
            }
          : { show: false },
      };
    });
    return {
      width: Math.max(50, box.clientWidth),
      height: Math.max(50, box.clientHeight),
      ms: 1,
      legend: { show: false },
      padding: [6, 18, 0, 0],
      cursor: { points: { show: false }, drag: { x: false, y: false }, y: false },
      scales: {
        x: { range: () => [now() - view.minutes * 60_000, now()] },
        y: { range: (_, min, max) => verticalRange(min, max, zero) },
      },
      axes: [
        { ...axis, values: (_, ticks) => ticks.map((t) => timeLabel(t, view.minutes)), space: 70, size: 24 },
        { ...axis, values: (_, ticks) => ticks.map((t) => compact(t)), size: (_, labels) => axisWidth(labels, font) },
      ],
      series: [{}, ...series],
      bands: band ? [{ series: band, fill: themeColour('--band') }] : undefined,
      hooks: { setCursor: [readOut] },
    };
  }

  function valueAt(column, at) {
    return at === null ? column.findLast((v) => typeof v === 'number') : nearest(column, at);
  }

  function readOut() {
    const at = plot?.cursor.idx ?? null;
    lines.forEach((line, i) => {
      const value = valueAt(data[i + 1], at);
      const from = line.from === undefined ? undefined : valueAt(data[line.from], at);
      const begin = from === undefined ? '' : `${number(from)}–`;
      text(values[i], line.rings || value === undefined ? '' : begin + view.format(value));
    });
  }

  function draw() {
    timer = undefined;
    drawnAt = Date.now();
    if (!plot) plot = new uPlot(options(), data, box);
    else plot.setData(data);
    readOut();
  }

  function schedule() {
    if (timer !== undefined || document.hidden) return;
    const gap = calm.matches ? CALM_DRAW_EVERY_MS : DRAW_EVERY_MS;
    timer = setTimeout(draw, Math.max(0, drawnAt + gap - Date.now()));
  }

  function rebuild() {
    plot?.destroy();
    plot = undefined;
    schedule();
  }

  new ResizeObserver(() => {
    if (plot) plot.setSize({ width: Math.max(50, box.clientWidth), height: Math.max(50, box.clientHeight) });
  }).observe(box);
  addEventListener('themechange', rebuild);
  // Time moves on without new data too.
  setInterval(schedule, 1_000);

  return {
    set(next, { label, ...change } = {}) {
      data = next;
      Object.assign(view, change);
      if (label) box.setAttribute('aria-label', label);
      schedule();
    },
  };
}

/** The value at an index, or the closest before it among a few: columns of different times share one axis. */
function nearest(column, at) {
  for (let i = at; i >= 0 && i > at - 40; i--) if (typeof column[i] === 'number') return column[i];
  return undefined;
}

/** A range with some air that keeps still while values move within it. */
function verticalRange(min, max, zero) {
  if (min === null || max === null) return [0, 1];
  const low = zero ? Math.min(0, min) : min;
  const spread = max - low || Math.abs(max) * 0.1 || 1;
  const step = 10 ** Math.floor(Math.log10(spread)) / 2;
  return [
    zero && min >= 0 ? 0 : Math.floor((low - spread * 0.05) / step) * step,
    Math.ceil((max + spread * 0.05) / step) * step,
  ];
}

function timeLabel(at, minutes) {
  const shape = minutes > 1440 ? { weekday: 'short', hour: '2-digit' } : { hour: '2-digit', minute: '2-digit' };
  return new Date(at).toLocaleTimeString(undefined, { ...shape, hour12: false });
}

const short = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 4 });
const compact = (n) => short.format(n);

let measure;
function axisWidth(labels, font) {
  measure ??= document.createElement('canvas').getContext('2d');
  measure.font = font;
  return 12 + Math.max(24, ...(labels ?? []).map((label) => measure.measureText(label).width));
}
