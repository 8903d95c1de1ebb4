/** Runs the examples of time.md. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { TOPICS } from '../../contract/index.ts';
import { compile, count, field, from, job, type Plan, type WindowsTo } from '../../streams/core/index.ts';
import { Lives } from '../../streams/testing/index.ts';

const T = Date.UTC(2026, 10, 2, 12);
const SECOND = 1_000;

const windows = (size: object, more: Partial<WindowsTo> = {}): Plan =>
  from(TOPICS.readings, { trusted: true }).windows({
    by: { device: field('device') },
    sizes: [{ ...size, to: TOPICS.readings10s } as WindowsTo['sizes'][number]],
    select: { count: count() },
    graceMs: 60 * SECOND,
    ...more,
  });

interface Sample {
  readonly ts: number;
}
const PLANS: Record<string, Plan> = {
  tumbling: windows({ ms: 10 * SECOND }),
  hopping: windows({ ms: 10 * SECOND, advanceMs: 5 * SECOND }),
  session: windows({ gapMs: 5 * SECOND }),
  early: windows({ ms: 10 * SECOND }, { emit: { earlyEveryMs: 3 * SECOND } }),
  'left-join': from<Sample>(TOPICS.readings, { trusted: true })
    .join(from<Sample>({ ...TOPICS.readings, name: TOPICS.traffic.name }, { trusted: true }), {
      as: ['left', 'right'],
      type: 'left',
      beforeMs: 0,
      afterMs: 5 * SECOND,
    })
    .into(TOPICS.readings10s),
};

interface Row {
  readonly windowStart: number;
  readonly windowEnd: number;
  readonly revision: number;
  readonly count: number;
  readonly early?: boolean;
  readonly mergedInto?: number | null;
  readonly left?: Sample;
  readonly right?: Sample | null;
}

const at = (ts: number) => (ts - T) / SECOND;

function told(row: Row): string {
  if (row.left !== undefined) return `${at(row.left.ts)} ${row.right ? at(row.right.ts) : 'alone'}`;
  const merged = row.mergedInto ? ` merged into ${at(row.mergedInto)}` : '';
  const window = `${at(row.windowStart)}-${at(row.windowEnd)}`;
  return `${window} revision ${row.revision} count ${row.count}${row.early ? ' early' : ''}${merged}`;
}

const text = readFileSync(new URL('time.md', import.meta.url), 'utf8');
const examples = [...text.matchAll(/```timeline (\S+)\n(.*?)```/gs)].map(
  ([, kind, lines], i) => [i + 1, kind!, lines!] as const,
);

test.each(examples)('example %i of time.md (%s) is what happens', (_, kind, lines) => {
  const lives = new Lives(compile(job('example', PLANS[kind]!))[0]!);
  const happened: string[] = [];
  for (const line of lines.trim().split('\n')) {
    if (!line.startsWith('<')) continue;
    const [, second, side = 'left'] = line.split(' ');
    const ts = T + Number(second) * SECOND;
    const topic = side === 'left' ? TOPICS.readings.name : TOPICS.traffic.name;
    lives.process(topic, { device: 'd', ts }, { key: 'd', appendedAt: ts });
    lives.restart();
    happened.push(line);
    const out = lives.takeAll();
    for (const row of (out.get('late') ?? []) as Row[])
      happened.push(`> late ${at(row.windowStart)}-${at(row.windowEnd)}`);
    for (const row of (out.get(TOPICS.readings10s.name) ?? []) as Row[]) happened.push(`> ${told(row)}`);
  }
  expect(happened.join('\n')).toBe(lines.trim());
});
