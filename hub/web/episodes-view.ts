import { type Episode, TOPICS } from '../../contract/index.ts';
import type { Store } from '../sinks/index.ts';

const DAY_MS = 86_400_000;
/** An episode that goes on says so again and again. Without a word for so long it is over, whatever became of its end. */
const FORGOTTEN_MS = 900_000;

/** Episodes of the last day, the latest first. */
export function episodesView(store: Store, limit: number, now: number): Episode[] {
  return store
    .newest<Episode>(TOPICS.episodes.name, now - DAY_MS, now + DAY_MS, limit)
    .filter(({ mergedInto }) => mergedInto === null)
    .map((episode) => ({ ...episode, early: episode.early && now - episode.windowEnd < FORGOTTEN_MS }));
}
