import type { Random } from '../random/index.ts';
import { PAGES } from './site.ts';

/** A time in which somebody does what visitors do not. */
export interface Attack {
  /** One client that takes page after page; one that looks for what is badly secured; many that try passwords. */
  readonly kind: 'scraping' | 'scan' | 'logins';
  /** ms since the epoch, the end excluded. */
  readonly from: number;
  readonly to: number;
  readonly ratePerSecond: number;
  /** Addresses it comes from. */
  readonly ips: readonly string[];
}

/** One request of an attack. */
export interface Hit {
  readonly at: number;
  readonly attack: Attack;
  readonly ip: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly status: number;
  readonly agent: string;
}

const SCANNED: readonly string[] = ['.env', '.git/config', 'wp-login.php', 'admin', 'backup.zip', 'phpinfo.php'];
const PRODUCTS = PAGES.filter(({ path }) => path.startsWith('/product'));

/** The requests of one attack after the other, in the order of time, for ever. `siteRate` is what the site has otherwise, per second. */
export function* attacks(random: Random, startAt: number, meanGapMs: number, siteRate: number): Generator<Hit, never> {
  let from = startAt;
  for (;;) {
    from += random.exponential(meanGapMs);
    const attack = attackAt(random, from, siteRate);
    let at = from;
    do {
      yield { at, attack, ip: random.pick(attack.ips), ...request(random, attack) };
      at += random.exponential(1_000 / attack.ratePerSecond);
    } while (at < attack.to);
    from = attack.to;
  }
}

function attackAt(random: Random, from: number, siteRate: number): Attack {
  const kind = random.pick(['scraping', 'scan', 'logins'] as const);
  const octet = () => random.between(1, 254);
  const ips = Array.from({ length: kind === 'logins' ? 40 : 1 }, () => `198.18.${octet()}.${octet()}`);
  // A scraper takes what it can; the others stay below what a limit for one client would stop.
  const ratePerSecond = kind === 'scraping' ? random.between(20, 40) : Math.min(9, siteRate * 0.4);
  return { kind, from, to: from + random.between(25_000, 60_000), ratePerSecond, ips };
}

function request(random: Random, { kind }: Attack): Pick<Hit, 'method' | 'path' | 'status' | 'agent'> {
  if (kind === 'scraping')
    return { method: 'GET', path: random.pick(PRODUCTS).path, status: 200, agent: 'python-requests/2.32.5' };
  if (kind === 'logins') return { method: 'POST', path: '/login', status: 401, agent: 'Go-http-client/1.1' };
  const folder = random.chance(0.5) ? '/' : `/site-${random.between(1, 500)}/`;
  return { method: 'GET', path: folder + random.pick(SCANNED), status: 404, agent: 'curl/8.14.1' };
}
