import type { TimedLine } from '../playback/index.ts';
import { type Random, seeded, weighted, zipf } from '../random/index.ts';
import { arrivals } from './arrivals.ts';
import { type Attack, attacks, type Hit } from './attacks.ts';
import { type Incident, incidents } from './incidents.ts';
import { malformed } from './malformed.ts';
import { BOTS, BROWSERS, PAGES, type Page, REFERRERS } from './site.ts';

export interface TrafficOptions {
  readonly seed: number;
  readonly ratePerSecond: number;
  /** When the traffic begins, ms since the epoch. */
  readonly startAt: number;
  /** Share of lines that no parser can read; 0.002 unless given. */
  readonly malformedShare?: number;
  /** Mean time between two incidents, 5 min unless given. */
  readonly meanIncidentMs?: number;
  /** Mean time between two attacks, 2 min unless given. */
  readonly meanAttackMs?: number;
}

export interface LogLine extends TimedLine {
  readonly malformed: boolean;
}

const SITE = 'https://shop.example.com';
const VISITORS = 400;
const BOT_SHARE = 0.06;
/** A visit goes on with this probability after each page. */
const STAYS = 0.85;
/** Of those whose visit ends so many do not come back; somebody else comes. */
const LEAVES = 0.05;
const METHODS: Readonly<Record<string, string>> = { '/cart': 'POST', '/checkout': 'POST', '/login': 'POST' };

interface Visitor {
  readonly ip: string;
  readonly agent: string;
  readonly isBot: boolean;
  /** The page a visit is at; undefined between visits. */
  page: Page | undefined;
}

/**
 * The access log of a shop, in the combined format with nginx's request time: visitors who go from page to page, bots, bursts, a day's rhythm, incidents in
 * which a part of the site fails or is slow, and attacks. The same options give the same lines.
 */
export function traffic(options: TrafficOptions): {
  lines: Generator<LogLine, void>;
  incidents: Incident[];
  attacks: Attack[];
} {
  const { seed, ratePerSecond, startAt, malformedShare = 0.002 } = options;
  const { meanIncidentMs = 300_000, meanAttackMs = 120_000 } = options;
  const random = seeded(seed);
  const happened: Incident[] = [];
  const attacked: Attack[] = [];
  return { lines: generate(), incidents: happened, attacks: attacked };

  function* generate(): Generator<LogLine, void> {
    const visitors = Array.from({ length: VISITORS }, () => visitor(random));
    const anyVisitor = zipf(
      random,
      visitors.map((_, i) => i),
      0.6,
    );
    const anyPage = zipf(random, PAGES);
    const entry = weighted(random, REFERRERS);
    const incidentAt = incidents(seeded(seed + 1), startAt, meanIncidentMs, happened);
    const hits = attacks(seeded(seed + 2), startAt, meanAttackMs, ratePerSecond);
    let hit = hits.next().value;
    for (const at of arrivals(random, startAt, ratePerSecond)) {
      for (; hit.at <= at; hit = hits.next().value) {
        if (attacked.at(-1) !== hit.attack) attacked.push(hit.attack);
        yield { at: hit.at, bytes: Buffer.from(attackLine(random, hit)), malformed: false };
      }
      const index = anyVisitor();
      const who = visitors[index]!;
      const referrer = who.isBot ? '-' : who.page ? SITE + who.page.path : entry();
      const page = anyPage();
      who.page = !who.isBot && random.chance(STAYS) ? page : undefined;
      if (!who.isBot && who.page === undefined && random.chance(LEAVES)) visitors[index] = visitor(random);
      const text = line(random, at, who, page, referrer, incidentAt(at, page.path));
      const broken = random.chance(malformedShare);
      yield { at, bytes: broken ? malformed(random, text) : Buffer.from(text), malformed: broken };
    }
  }
}

function visitor(random: Random): Visitor {
  const octet = () => random.between(1, 254);
  const group = () => random.between(0, 0xffff).toString(16);
  const ip = random.chance(0.15)
    ? `2001:db8:${group()}:${group()}::${group()}`
    : `${random.pick([81, 92, 145, 178, 203])}.${octet()}.${octet()}.${octet()}`;
  const isBot = random.chance(BOT_SHARE);
  return { ip, isBot, agent: isBot ? random.pick(BOTS) : weighted(random, BROWSERS)(), page: undefined };
}

function line(random: Random, at: number, who: Visitor, page: Page, referrer: string, incident: Incident | undefined) {
  const isScan = who.isBot && random.chance(0.2);
  const path = isScan ? random.pick(['/robots.txt', '/wp-login.php', '/.env']) : page.path;
  const query = path === '/search' ? `?q=${random.pick(['green+tea', 'mug', 'oolong', 'gift+card'])}` : '';
  const method = isScan ? 'GET' : (METHODS[path] ?? 'GET');
  const status = statusOf(random, path, isScan, incident);
  const slow = incident?.kind === 'latency' ? incident.factor : 1;
  const seconds = (random.logNormal(page.medianMs, 0.45) * slow * (status >= 500 ? 2 : 1)) / 1000;
  const bytes = status === 304 ? 0 : status >= 400 ? 162 : Math.round(random.logNormal(page.medianBytes, 0.3));
  const answer = { method, path: path + query, status, bytes, seconds };
  return combined({ at, ip: who.ip, agent: who.agent, referrer, ...answer });
}

function attackLine(random: Random, hit: Hit): string {
  const found = hit.status === 200;
  const bytes = found ? Math.round(random.logNormal(19_000, 0.3)) : 162;
  return combined({ ...hit, referrer: '-', bytes, seconds: random.logNormal(found ? 27 : 5, 0.45) / 1000 });
}

interface Answered extends Pick<Hit, 'at' | 'ip' | 'path' | 'status' | 'agent'> {
  readonly method: string;
  readonly referrer: string;
  readonly bytes: number;
  readonly seconds: number;
}

function combined({ at, ip, method, path, status, bytes, referrer, agent, seconds }: Answered): string {
  return `${ip} - - [${clfTime(at)}] "${method} ${path} HTTP/1.1" ${status} ${bytes} "${referrer}" "${agent}" ${seconds.toFixed(3)}`;
}

function statusOf(random: Random, path: string, isScan: boolean, incident: Incident | undefined): number {
  if (incident?.kind === 'errors' && random.chance(incident.factor)) return random.pick([500, 502, 503]);
  if (isScan) return path === '/robots.txt' ? 200 : 404;
  const draw = random.uniform();
  if (draw < 0.002) return 500;
  if (draw < 0.02) return 404;
  if (draw < 0.03) return 301;
  if (draw < 0.12 && METHODS[path] === undefined) return 304;
  return 200;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `10/Oct/2000:13:55:36 +0000` */
function clfTime(at: number): string {
  const iso = new Date(at).toISOString();
  return `${iso.slice(8, 10)}/${MONTHS[Number(iso.slice(5, 7)) - 1]}/${iso.slice(0, 4)}:${iso.slice(11, 19)} +0000`;
}
