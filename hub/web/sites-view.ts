import { type SiteComfortWindow, type SiteWeather, TOPICS } from '../../contract/index.ts';
import type { Store } from '../sinks/index.ts';

/** What is older says nothing of now. */
const COMFORT_MS = 10 * 60_000;
const WEATHER_MS = 3 * 3_600_000;

/** How it is at each site and for each type of device there, and what the weather is outside, where that is known. */
export function sitesView(store: Store, now: number) {
  const weather = new Map(store.current<SiteWeather>(TOPICS.siteWeather.name).map((of) => [of.site, of]));
  return store.latest<SiteComfortWindow>(TOPICS.siteComfort1m.name, now - COMFORT_MS).map((comfort) => {
    const { series, site, type, devices, temperature, humidity, discomfort } = comfort;
    const outside = weather.get(site);
    const isRecent = outside !== undefined && now - outside.ts <= WEATHER_MS;
    return { series, site, type, devices, temperature, humidity, discomfort, outside: isRecent ? outside : null };
  });
}
