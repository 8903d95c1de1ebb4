import { expect, test } from 'vitest';
import type { Episode, WebRequest } from '../../contract/index.ts';
import { JOBS } from '../../hub/jobs/index.ts';
import { type Attack, traffic } from '../../simulators/web/index.ts';
import { compile } from '../../streams/core/index.ts';
import { Bench } from '../../streams/testing/index.ts';

const T = Date.UTC(2026, 10, 2, 12);
const MINUTES = 30;
const LINE =
  /^(?<clientIp>\S+) - - \[[^\]]*\] "(?<method>\S+) (?<path>[^ ?]+)\S* HTTP\/1.1" (?<status>\d+) (?<bytes>\d+) .* (?<seconds>\S+)$/;
const KINDS = { scraping: 'client-hammering', scan: 'not-found', logins: 'login-failures' } as const;

/** The episodes that half an hour of the simulated shop has, each as it was last told, and the attacks it really had. */
function play(): { episodes: Episode[]; attacks: Attack[] } {
  const bench = new Bench(JOBS.filter(({ id }) => id === 'web' || id === 'episodes').flatMap(compile));
  const { lines, attacks } = traffic({
    seed: 5,
    ratePerSecond: 20,
    startAt: T,
    malformedShare: 0,
    meanAttackMs: 90_000,
  });
  let now = T;
  for (const { at, bytes } of lines) {
    for (; now < at; now += 1_000) bench.tick(now);
    if (now > T + MINUTES * 60_000) break;
    const { clientIp, method, path, status, bytes: size, seconds } = LINE.exec(bytes.toString())!.groups!;
    const numbers = { status: Number(status), bytes: Number(size), durationMs: 1_000 * Number(seconds) };
    const request = { clientIp: clientIp!, method: method!, path: path!, ...numbers, ts: Math.floor(at) };
    bench.send('web.requests', request satisfies WebRequest, { key: clientIp! });
  }
  const told = bench.take<Episode>('episodes');
  return { episodes: [...new Map(told.map((row) => [`${row.series}@${row.windowStart}`, row])).values()], attacks };
}

test('every attack on the simulated shop is told, as what it is, and nobody else is accused', () => {
  const { episodes, attacks } = play();
  const isOf = (attack: Attack, episode: Episode) =>
    episode.kind === KINDS[attack.kind] &&
    (attack.kind !== 'scraping' || episode.subject === attack.ips[0]) &&
    episode.windowStart < attack.to &&
    episode.until! > attack.from;
  const over = attacks.filter(({ to }) => to < T + (MINUTES - 2) * 60_000);
  expect(new Set(over.map(({ kind }) => kind)).size).toBe(3);
  for (const attack of over) {
    const found = episodes.filter((episode) => isOf(attack, episode));
    expect(found, `${attack.kind} ${attack.from - T}`).toHaveLength(1);
    expect(found[0]!.early).toBe(false);
  }
  const accused = episodes.filter(({ kind }) => kind !== 'server-errors');
  expect(accused.filter((episode) => !attacks.some((attack) => isOf(attack, episode)))).toEqual([]);
});
