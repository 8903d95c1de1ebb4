const FIRST_MS = 1_000;
const LONGEST_MS = 60_000;

/**
 * How long to wait before an attempt after so many that failed, ms: doubles from a second to a minute, half of it chance, so that many hubs and
 * channels do not fall on a receiver together the moment it is back.
 * @param random 0…1
 * @param askedMs what the receiver asked for; not less is waited
 */
export function waitMs(failed: number, random: number, askedMs = 0): number {
  const most = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failed - 1, 16));
  return Math.max(Math.round(most / 2 + (random * most) / 2), askedMs + Math.round(random * 500) * Number(askedMs > 0));
}
