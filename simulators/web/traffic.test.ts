import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { linearRegression, mean, quantile } from 'simple-statistics';
import { describe, expect, test, vi } from 'vitest';
import { seeded } from '../random/index.ts';
import { arrivals, daily } from './arrivals.ts';
import { startWebLog, traffic } from './index.ts';

const START = Date.UTC(2025, 5, 1, 12);
const COMBINED =
  /^(?<ip>[0-9a-f.:]+) - - \[(?<time>[^\]]{26})\] "(?<method>GET|POST) (?<target>\/\S*) HTTP\/1\.1" (?<status>\d{3}) (?<bytes>\d+) "(?<referrer>[^"]+)" "(?<agent>[^"]+)" (?<seconds>\d+\.\d{3})$/;

function take(count: number, more: Partial<Parameters<typeof traffic>[0]> = {}) {
  const { lines, incidents, attacks } = traffic({ seed: 11, ratePerSecond: 50, startAt: START, ...more });
  const taken = Array.from({ length: count }, () => lines.next().value!);
  const requests = taken.flatMap(({ at, bytes, malformed }) => {
    const fields = malformed ? undefined : COMBINED.exec(bytes.toString())?.groups;
    return fields
      ? [{ at, ...fields, status: Number(fields.status), ms: 1000 * Number(fields.seconds) } as Fields]
      : [];
  });
  return { taken, requests, incidents, attacks };
}

interface Fields {
  readonly at: number;
  readonly target: string;
  readonly status: number;
  readonly ms: number;
  readonly ip: string;
  readonly referrer: string;
}

const share = <T>(items: readonly T[], has: (item: T) => boolean) => items.filter(has).length / items.length;

describe('traffic', () => {
  test('is the same for the same seed', () => {
    expect(take(500).taken).toEqual(take(500).taken);
    expect(take(500, { seed: 12 }).taken).not.toEqual(take(500).taken);
  });

  test('gives lines in the combined format, in the order of time, but for the malformed share', () => {
    const { taken, requests } = take(20_000, { malformedShare: 0.05 });
    expect(requests).toHaveLength(taken.filter((line) => !line.malformed).length);
    expect(share(taken, (line) => line.malformed)).toBeCloseTo(0.05, 1);
    expect(taken.every((line, i) => i === 0 || line.at >= taken[i - 1]!.at)).toBe(true);
    expect(taken.some((line) => line.malformed && COMBINED.test(line.bytes.toString()))).toBe(false);
    expect(taken.some((line) => line.bytes.includes(0x0a))).toBe(false);
  });

  test('visits pages by Zipf’s law', () => {
    const counts = new Map<string, number>();
    for (const { target } of take(50_000).requests) {
      const path = target.replace(/\?.*/, '');
      counts.set(path, (counts.get(path) ?? 0) + 1);
    }
    const ranked = [...counts.values()].sort((a, b) => b - a).slice(0, 30);
    const { m } = linearRegression(ranked.map((count, rank) => [Math.log(rank + 1), Math.log(count)]));
    expect(m).toBeGreaterThan(-1.25);
    expect(m).toBeLessThan(-0.75);
  });

  test('leads visitors from page to page, and has a realistic mix of answers', () => {
    const { requests } = take(30_000, {
      meanIncidentMs: Number.POSITIVE_INFINITY,
      meanAttackMs: Number.POSITIVE_INFINITY,
    });
    expect(share(requests, (r) => r.referrer.startsWith('https://shop.example.com/'))).toBeGreaterThan(0.5);
    expect(share(requests, (r) => r.status === 200)).toBeGreaterThan(0.8);
    expect(share(requests, (r) => r.status >= 500)).toBeLessThan(0.01);
    expect(share(requests, (r) => r.ip.includes(':'))).toBeGreaterThan(0.05);
    const times = requests.map((r) => r.ms).sort((a, b) => a - b);
    expect(quantile(times, 0.99) / quantile(times, 0.5)).toBeGreaterThan(3);
  });

  test('has incidents that show in the requests of their part of the site', () => {
    const { requests, incidents } = take(60_000, { meanIncidentMs: 60_000 });
    const within = (kind: string) =>
      requests.filter((r) =>
        incidents.some((i) => i.kind === kind && r.at >= i.from && r.at < i.to && r.target.startsWith(i.part)),
      );
    expect(share(within('errors'), (r) => r.status >= 500)).toBeGreaterThan(0.2);
    expect(mean(within('latency').map((r) => r.ms))).toBeGreaterThan(3 * mean(requests.map((r) => r.ms)));
  });

  test('has attacks: one client that takes page after page, one that finds nothing, and many that are denied', () => {
    const { requests, attacks } = take(60_000, { ratePerSecond: 20, meanAttackMs: 120_000 });
    const over = attacks.filter(({ to }) => to < requests.at(-1)!.at);
    expect(new Set(over.map(({ kind }) => kind))).toEqual(new Set(['scraping', 'scan', 'logins']));
    for (const { kind, from, to, ips } of over) {
      const own = requests.filter((r) => r.at >= from && r.at < to && ips.includes(r.ip));
      const perSecond = own.length / ((to - from) / 1_000);
      expect(perSecond).toBeGreaterThan(kind === 'scraping' ? 15 : 5);
      expect(new Set(own.map(({ ip }) => ip)).size).toBeGreaterThan(kind === 'logins' ? 30 : 0);
      expect(new Set(own.map(({ status }) => status))).toEqual(
        new Set([{ scraping: 200, scan: 404, logins: 401 }[kind]]),
      );
    }
  });

  test('visitors come and go', () => {
    const { requests } = take(60_000, { meanAttackMs: Number.POSITIVE_INFINITY });
    const ips = new Set(requests.map(({ ip }) => ip));
    expect(ips.size).toBeGreaterThan(600);
    const late = new Set(requests.slice(-10_000).map(({ ip }) => ip));
    expect(late.size).toBeLessThan(ips.size / 1.2);
  });
});

test('arrivals follow the day at the mean rate, and come in bursts', () => {
  const times = arrivals(seeded(1), START, 20);
  const perSecond = new Array<number>(7_200).fill(0);
  for (let at = times.next().value; at < START + 7_200_000; at = times.next().value)
    perSecond[Math.floor((at - START) / 1000)]!++;
  expect(mean(perSecond) / (20 * daily(START + 3_600_000))).toBeCloseTo(1, 0.9);
  const dispersion = mean(perSecond.map((n) => (n - mean(perSecond)) ** 2)) / mean(perSecond);
  expect(dispersion).toBeGreaterThan(2);
  expect(daily(Date.UTC(2025, 5, 1, 20)) / daily(Date.UTC(2025, 5, 1, 8))).toBeCloseTo(3);
});

test('the live log holds what its truth says', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-weblog-'));
  const file = join(dir, 'access.log');
  let time = START;
  const web = startWebLog({ file, seed: 1, ratePerSecond: 100, malformedShare: 0.1, now: () => time });
  time += 5_000;
  await vi.waitFor(() => expect(readFileSync(file).length).toBeGreaterThan(0));
  await web.close();
  const { requests, malformed } = web.truth();
  const lines = readFileSync(file, 'latin1').split('\n').slice(0, -1);
  rmSync(dir, { recursive: true });
  expect(lines).toHaveLength(requests + malformed);
  expect(lines.filter((line) => COMBINED.test(line))).toHaveLength(requests);
});
