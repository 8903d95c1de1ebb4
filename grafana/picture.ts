import { renderDashboard } from './render.ts';
import type { Dashboard, Panel, Thresholds } from './spec.ts';
import { shown } from './values.ts';

/** One table of a query's answer, as Grafana would take it. */
export interface Answer {
  readonly labels: Readonly<Record<string, string>>;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

export interface Shown {
  /** What each query of each panel gave. */
  readonly answers: ReadonlyMap<Panel, readonly (readonly Answer[])[]>;
  /** The dashboard's marks: when, by colour. */
  readonly marks: readonly { readonly color: string; readonly at: readonly number[] }[];
  /** ms since the epoch. */
  readonly start: number;
  readonly stop: number;
  readonly variables: Readonly<Record<string, string>>;
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

/** Pixels of one of 24 columns and of one row. */
const [COLUMN, ROW] = [50, 25];
const [GAP, TOP, LETTER] = [8, 62, 6.3];
const LINES = ['#3274d9', '#e0752d', '#37872d', '#8f3bb8', '#c2185b', '#1f8a8a', '#b8860b', '#5c6bc0', '#7d6b5d'];
const COLORS: Readonly<Record<string, string>> = {
  ...{ green: '#37872d', yellow: '#c79b00', orange: '#e0752d', red: '#e02f44', 'dark-red': '#8f1521' },
  ...{ blue: '#3274d9', transparent: 'none', text: '#24292e' },
};

/** A dashboard as its definition and the answers to its queries have it, as SVG: no Grafana draws this. */
export function picture(dashboard: Dashboard, shown: Shown): string {
  const panels = dashboard.rows.flatMap(({ panels }) => panels);
  const parts: string[] = [];
  let bottom = 0;
  for (const { type, title, gridPos } of renderDashboard(dashboard).panels! as Placed[]) {
    const { x, y, w, h } = gridPos;
    const box = { x: x * COLUMN, y: TOP + y * ROW, w: w * COLUMN - GAP, h: h * ROW - GAP };
    bottom = Math.max(bottom, box.y + box.h);
    if (type === 'row') parts.push(label(box.x, box.y + 16, filled(title, shown), 'class="b"'));
    else parts.push(draw(panels.find((panel) => panel.title === title)!, box, shown));
  }
  const chosen = dashboard.variables.map(({ label, name }) => `${label}: ${named(shown.variables[name])}`);
  const from = new Date(shown.start).toISOString().slice(0, 16).replace('T', ' ');
  const about = [...chosen, `${from} to ${new Date(shown.stop).toISOString().slice(11, 16)} UTC`].join(' · ');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-8 0 1208 ${bottom + 30}" font-family="system-ui, sans-serif" font-size="12" fill="#24292e" role="img">
<title>The dashboard ${dashboard.title}</title>
<style>.b{font-weight:600}.q{fill:#6a737d}.l{fill:none;stroke-width:1.3}.p{fill:#fff;stroke:#d8dce1}</style>
<rect x="-8" width="1208" height="${bottom + 30}" fill="#f4f5f7"/>
${label(0, 24, dashboard.title, 'class="b" font-size="18"')}
${label(0, 46, about, 'class="q"')}
${parts.join('\n')}
${label(0, bottom + 20, 'Not drawn by Grafana, but from the dashboard’s definition and what its queries gave on InfluxDB, for data of the simulators; how processes and gateways are is made up.', 'class="q"')}
</svg>
`;
}

interface Placed {
  readonly type: string;
  readonly title: string;
  readonly gridPos: Box;
}

const named = (value = '') => (value === '.*' ? 'All' : value);
const filled = (title: string, { variables }: Shown) =>
  title.replaceAll(/\$(\w+)/g, (_, name: string) => named(variables[name]));

function draw(panel: Panel, box: Box, all: Shown): string {
  const answers = all.answers.get(panel) ?? [];
  const title =
    panel.repeat === undefined ? filled(panel.title, all) : `${panel.title} (one panel for each; here together)`;
  const inside = { x: box.x + 10, y: box.y + 30, w: box.w - 20, h: box.h - 38 };
  const kinds = { lines, number, bars, table, states: table };
  return `<rect class="p" x="${box.x}" y="${box.y}" width="${box.w}" height="${box.h}" rx="3"/>
${label(inside.x, box.y + 19, clip(title, inside.w), 'class="b"')}
${kinds[panel.kind](panel, answers.flat(), inside, all)}`;
}

function lines(panel: Panel, answers: readonly Answer[], box: Box, { start, stop, marks }: Shown): string {
  const plot = { x: box.x + 64, y: box.y + 6, w: box.w - 64, h: box.h - 46 };
  const sums = new Map<number, number>();
  const series = answers
    .map((answer) => ({ name: lineName(panel, answer), answer }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, answer: { rows } }) => ({
      name,
      points: rows.map((row) => {
        const at = Date.parse(row._time as string);
        const value = (row._value as number) + (panel.stacked ? (sums.get(at) ?? 0) : 0);
        sums.set(at, value);
        return { at, value };
      }),
    }));
  const values = series.flatMap(({ points }) => points.map(({ value }) => value));
  const [least, most] = [Math.min(panel.min ?? Infinity, ...values), Math.max(...values)];
  const ticks = ticksOf(least, most === least ? most + 1 : most);
  const [low, high] = [ticks[0]!, ticks.at(-1)!];
  const x = (at: number) => (plot.x + ((at - start) / (stop - start)) * plot.w).toFixed(0);
  const y = (value: number) => (plot.y + plot.h - ((value - low) / (high - low)) * plot.h).toFixed(0);
  const tickNames = distinct(ticks, panel.unit);
  const grid = ticks.map((tick, i) => {
    const text = label(plot.x - 6, Number(y(tick)) + 4, tickNames[i]!, 'class="q" text-anchor="end"');
    return `<path d="M${plot.x} ${y(tick)}h${plot.w}" stroke="#e4e7eb"/>${text}`;
  });
  const times = [0, 1, 2, 3].map((i) => {
    const at = start + ((stop - start) / 3) * i;
    const text = new Date(at).toISOString().slice(11, 16);
    return label(
      Number(x(at)),
      plot.y + plot.h + 16,
      text,
      `class="q" text-anchor="${['start', 'middle', 'middle', 'end'][i]}"`,
    );
  });
  const limits = (panel.thresholds?.steps ?? [])
    .filter(([value]) => value >= low && value <= high)
    .map(
      ([value, color]) =>
        `<path d="M${plot.x} ${y(value)}h${plot.w}" stroke="${colorOf(color)}" stroke-dasharray="6 4"/>`,
    );
  const marked = marks
    .filter(({ at }) => at.length > 0)
    .map(({ at, color }) => {
      const strokes = [...new Set(at.map(x))].map((x) => `M${x} ${plot.y}v${plot.h}`);
      return `<path d="${strokes.join('')}" stroke="${colorOf(color)}" stroke-dasharray="2 3" opacity=".35"/>`;
    });
  const drawn = series.map(({ points }, i) => {
    const color = LINES[i % LINES.length];
    if (points.length === 1)
      return `<circle cx="${x(points[0]!.at)}" cy="${y(points[0]!.value)}" r="2.5" fill="${color}"/>`;
    return `<path class="l" stroke="${color}" d="${path(points.map(({ at, value }) => [x(at), y(value)]))}"/>`;
  });
  return [
    ...grid,
    ...times,
    ...limits,
    ...marked,
    ...drawn,
    legend(
      series.map(({ name }) => name),
      box,
    ),
  ].join('');
}

/** Steps from point to point are shorter than places. */
function path(points: readonly (readonly [x: string, y: string])[]): string {
  let [beforeX, beforeY] = [0, 0];
  const steps = points.map(([x, y], i) => {
    const step = `${i === 0 ? 'M' : i === 1 ? 'l' : ' '}${Number(x) - beforeX} ${Number(y) - beforeY}`;
    [beforeX, beforeY] = [Number(x), Number(y)];
    return step;
  });
  return steps.join('');
}

function legend(names: readonly string[], { x, y, w, h }: Box): string {
  let at = x;
  const parts: string[] = [];
  for (const [i, name] of names.entries()) {
    const text = name.length > 32 ? `${name.slice(0, 31)}…` : name;
    const width = 16 + text.length * LETTER + 10;
    const isLast = i === names.length - 1;
    if (at + width > x + w - (isLast ? 0 : 60)) {
      parts.push(label(at, y + h - 2, `and ${names.length - i} more`, 'class="q"'));
      break;
    }
    parts.push(`<rect x="${at.toFixed(0)}" y="${y + h - 8}" width="10" height="3" fill="${LINES[i % LINES.length]}"/>`);
    parts.push(label(at + 14, y + h - 2, text));
    at += width;
  }
  return parts.join('');
}

/** As Grafana names a line: by the panel's text, else by the field and its labels, for which a column may give a title. */
function lineName({ legend, columns = {} }: Panel, { labels, rows }: Answer): string {
  const filled = (text: string) =>
    text.replaceAll(/\$\{__field\.labels\.(\w+)\}/g, (_, name: string) => labels[name] ?? '');
  if (legend !== undefined) return filled(legend);
  const field = String(rows[0]?._field ?? '');
  const of = Object.values(labels).join(' ');
  const name = [field, of].filter(Boolean).join(' ') || 'value';
  const column = Object.entries(columns).find(([pattern]) => new RegExp(pattern.slice(1, -1)).test(name))?.[1];
  return column?.title === undefined ? name : filled(column.title);
}

function number(panel: Panel, answers: readonly Answer[], { x, y, w, h }: Box): string {
  const value = answers[0]?.rows.at(-1)?._value as number | undefined;
  if (value === undefined) return label(x, y + h / 2, 'nothing in this time', 'class="q"');
  const style = `font-size="34" class="b" text-anchor="middle" fill="${limitColor(panel.thresholds, value)}"`;
  return label(x + w / 2, y + h / 2 + 8, shown(value, panel.unit, panel), style);
}

function bars(panel: Panel, [answer]: readonly Answer[], { x, y, w, h }: Box): string {
  const rows = plainRows(answer)
    .slice(0, Math.floor(h / 22))
    .map((row) => {
      const [name, value] = [Object.values(row).find(isName), Object.values(row).find(isValue)];
      return { name: String(name), value: Number(value) };
    });
  const most = Math.max(...rows.map(({ value }) => value));
  const room = w - 260;
  return rows
    .map(({ name, value }, i) => {
      const at = y + 22 * i;
      const bar = `<rect x="${x + 190}" y="${at + 2}" width="${((value / most) * room).toFixed(0)}" height="16" fill="${LINES[0]}"/>`;
      return `${label(x, at + 14, clip(name, 185))}${bar}${label(x + w, at + 14, shown(value, panel.unit), 'text-anchor="end"')}`;
    })
    .join('');
}

/** Without what tells the tables of an answer apart. */
const plainRows = (answer: Answer | undefined) => (answer?.rows ?? []).map(({ result, table, ...row }) => row);
const isName = (value: unknown) => typeof value === 'string';
const isValue = (value: unknown) => typeof value === 'number';

function table({ columns = {} }: Panel, [answer]: readonly Answer[], { x, y, w, h }: Box): string {
  const rows = plainRows(answer).slice(0, Math.floor((h - 22) / 20));
  const names = Object.keys(rows[0] ?? {});
  const cells = rows.map((row) => names.map((name) => shown(row[name], columns[name]?.unit)));
  const titles = names.map((name) => columns[name]?.title ?? name);
  const longest = titles.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i]!.length)));
  const shares = longest.map((length) => Math.min(60, length + 2));
  const total = shares.reduce((a, b) => a + b, 0);
  let left = x;
  const parts = names.map((name, i) => {
    const width = (shares[i]! / total) * w;
    const at = left;
    left += width;
    const fill = columns[name]?.link ? ` fill="${LINES[0]}"` : '';
    const column = cells.map((row, j) => label(at, y + 36 + 20 * j, clip(row[i]!, width - 6), fill));
    return [label(at, y + 14, clip(titles[i]!, width - 6, 7.3), 'class="q b"'), ...column].join('');
  });
  const more = (answer?.rows.length ?? 0) - rows.length;
  const rule = `<path d="M${x} ${y + 20}h${w}" stroke="#d8dce1"/>`;
  return `${rule}${parts.join('')}${more > 0 ? label(x + w, y - 11, `${more} more rows below`, 'class="q" text-anchor="end"') : ''}`;
}

function limitColor(thresholds: Thresholds | undefined, value: number): string {
  const step = thresholds?.steps.findLast(([from]) => value >= from);
  return colorOf(step?.[1] ?? thresholds?.base ?? 'text');
}

const colorOf = (name: string) => COLORS[name] ?? name;

/** Round numbers, from one at or below the least to one at or above the most. */
function ticksOf(least: number, most: number): number[] {
  if (!Number.isFinite(least) || !Number.isFinite(most)) return [0, 1];
  const raw = (most - least) / 4;
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = unit * [1, 2, 5, 10].find((n) => n * unit >= raw)!;
  const first = Math.floor(least / step);
  const count = Math.ceil(most / step) - first + 1;
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** Each as short as they can be told apart. */
function distinct(ticks: readonly number[], unit: string | undefined): string[] {
  for (let precision = 3; ; precision++) {
    const names = ticks.map((tick) => shown(tick, unit, { precision }));
    if (precision === 8 || new Set(names).size === ticks.length) return names;
  }
}

const clip = (text: string, width: number, letter = LETTER) => {
  const most = Math.max(1, Math.floor(width / letter));
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
};

function label(x: number, y: number, text: string, style = ''): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<text x="${Math.round(x)}" y="${Math.round(y)}"${style && ` ${style.trim()}`}>${escaped}</text>`;
}
