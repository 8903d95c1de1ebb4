import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DASHBOARDS } from '../../grafana/dashboards/index.ts';
import { picture } from '../../grafana/picture.ts';
import { renderDashboard } from '../../grafana/render.ts';
import type { Dashboard, Panel } from '../../grafana/spec.ts';
import { wantsInfluxDb } from '../../infra/local/index.ts';
import { type Frame, frameOf, type Moment, runFlux } from '../support/flux.ts';
import { type InfluxBed, openInfluxBed } from '../support/influx.ts';
import { asGrafana, makeHours, writeRecords } from '../support/influx-data.ts';
import { type Played, play } from '../support/played.ts';

const HOUR = 3_600_000;
const isLong = (query: string) => query.includes('results-1h');
const LONG = DASHBOARDS.filter(({ rows }) =>
  rows.some(({ panels }) => panels.some(({ queries }) => queries.some(isLong))),
);

// No Grafana server can be had here. What can be known without: each of its queries, on a real InfluxDB with what the jobs make of the simulators, gives what its panel shows.
describe.runIf(wantsInfluxDb())('dashboards on InfluxDB', () => {
  let bed: InfluxBed;
  let played: Played;

  beforeAll(async () => {
    played = play();
    bed = await openInfluxBed();
    await writeRecords(bed, played.records);
    await makeHours(bed, played.start, played.start + HOUR);
  });
  afterAll(() => bed?.close());

  const moment = (variables: Record<string, string> = {}): Moment => {
    const { start, stop } = played;
    return { start, stop, windowMs: 60_000, variables };
  };
  const frames = async (query: string, variables: Record<string, string>, more: Partial<Moment> = {}) =>
    (await runFlux(asGrafana(bed), query, { ...moment(variables), ...more })).map(frameOf);

  /** The first value of each variable, as Grafana chooses it; all where several can be chosen. */
  async function choices({ variables }: Dashboard): Promise<Record<string, string>> {
    const chosen: Record<string, string> = {};
    for (const { name, query, multi } of variables) {
      const tables = await runFlux(asGrafana(bed), query, moment(chosen));
      const values = tables.flatMap(({ rows }) => rows.map((row) => row._value));
      expect(values.length, `values of ${name}`).toBeGreaterThan(0);
      for (const value of values) expect(typeof value).toBe('string');
      chosen[name] = multi ? '.*' : (values.sort()[0] as string);
    }
    return chosen;
  }

  test.each(DASHBOARDS.map((dashboard) => [dashboard.title, dashboard] as const))(
    '%s: every panel has rows of the shape that it shows',
    async (_, dashboard) => {
      const chosen = await choices(dashboard);
      const rendered = renderDashboard(dashboard).panels!;
      const answers = new Map<Panel, Frame[][]>();
      for (const panel of dashboard.rows.flatMap(({ panels }) => panels)) {
        // What the file has is what is asked.
        const { targets } = rendered.find(({ type, title }) => type !== 'row' && title === panel.title) as unknown as {
          targets: { query: string }[];
        };
        expect(targets.map(({ query }) => query)).toEqual(panel.queries);
        for (const query of panel.queries) {
          const found = await frames(query, chosen).catch((error) => {
            throw new Error(`${panel.title}: ${error.message}\n${query}`);
          });
          expect(found.length, `${panel.title}\n${query}`).toBeGreaterThan(0);
          fits(panel, found);
          answers.set(panel, [...(answers.get(panel) ?? []), found]);
        }
      }
      const marks = [];
      for (const { color, query } of dashboard.annotations) {
        const rows = (await frames(query, chosen)).flatMap((frame) => frame.rows);
        marks.push({ color, at: rows.map(({ _time }) => Date.parse(_time as string)) });
      }
      const { start, stop } = played;
      const svg = picture(dashboard, { answers, marks, start, stop, variables: chosen });
      // Drawn anew by: npm run grafana:pictures
      await expect(svg).toMatchFileSnapshot(`../../docs/images/dashboards/${dashboard.uid}.svg`);
    },
  );

  test.each(LONG.map((dashboard) => [dashboard.title, dashboard] as const))(
    '%s: over a week its charts read hours, of the same series',
    async (_, dashboard) => {
      const chosen = await choices(dashboard);
      const [start, stop] = [played.start - 7 * 24 * HOUR, played.start + HOUR];
      for (const panel of dashboard.rows.flatMap(({ panels }) => panels)) {
        for (const query of panel.queries.filter(isLong)) {
          const hours = await frames(query, chosen, { start, stop, windowMs: HOUR });
          expect(hours.length, `${panel.title}\n${query}`).toBeGreaterThan(0);
          fits(panel, hours);
          // As minutes have it.
          const minutes = await frames(query, chosen, { start: played.start, stop, windowMs: HOUR });
          expect(hours.map(nameOf).sort(), panel.title).toEqual(minutes.map(nameOf).sort());
        }
      }
    },
  );

  test.each(DASHBOARDS.map((dashboard) => [dashboard.title, dashboard] as const))(
    '%s: marks are times with a text',
    async (_, dashboard) => {
      const chosen = await choices(dashboard);
      for (const { name, query } of dashboard.annotations) {
        const found = await frames(query, chosen);
        expect(found, name).toHaveLength(1);
        expect(found[0]!.columns.map(({ label, dataType }) => `${label} ${dataType}`)).toEqual([
          '_time dateTime:RFC3339',
          '_value string',
        ]);
      }
    },
  );
});

const NUMBERS = ['double', 'long', 'unsignedLong'];

function fits(panel: Panel, frames: readonly Frame[]): void {
  const place = panel.title;
  const typeOf = (frame: Frame, name: string) => frame.columns.find(({ label }) => label === name)?.dataType;
  switch (panel.kind) {
    case 'lines':
      for (const frame of frames) {
        expect(frame.kind, place).toBe('lines');
        expect(NUMBERS, place).toContain(typeOf(frame, '_value'));
        const times = frame.rows.map(({ _time }) => _time as string);
        expect(times, place).toEqual([...times].sort());
        expect(new Set(times).size, `${place}: times of one line`).toBe(times.length);
        const labels = [...(panel.legend ?? '').matchAll(/\$\{__field\.labels\.(\w+)\}/g)].map(([, name]) => name!);
        expect(Object.keys(frame.labels), place).toEqual(expect.arrayContaining(labels));
      }
      // Two lines of one name could not be told apart.
      expect(new Set(frames.map(nameOf)).size, `${place}: ${frames.map(nameOf)}`).toBe(frames.length);
      break;
    case 'number':
      expect(frames, place).toHaveLength(1);
      expect(NUMBERS, place).toContain(typeOf(frames[0]!, '_value'));
      break;
    default: {
      expect(frames, place).toHaveLength(1);
      const [frame] = frames;
      expect(frame!.kind, place).toBe('table');
      const names = frame!.columns.map(({ label }) => label);
      expect(names, place).toEqual(expect.arrayContaining(Object.keys(panel.columns ?? {})));
      expect(
        names.some((name) => name.startsWith('_')),
        `${place}: ${names}`,
      ).toBe(false);
      if (panel.kind === 'bars') {
        const types = frame!.columns.map(({ dataType }) => (NUMBERS.includes(dataType) ? 'number' : dataType));
        expect(types.sort(), place).toEqual(['number', 'string']);
      }
    }
  }
}

const nameOf = ({ labels, rows }: Frame) => JSON.stringify([rows[0]!._field, labels]);
