// Sites: how the air feels there, and what the weather is outside.
import { head } from './dom.js';
import { measured } from './format.js';
import { ask, refresher } from './stream.js';
import { table } from './table.js';

/** Below each of these, of Thom's discomfort index in °C, after Giles and others (1990). It says nothing of cold. */
const FEELS = [
  [15, '–'],
  [21, 'no discomfort'],
  [24, 'some feel uncomfortable'],
  [27, 'half feel uncomfortable'],
  [29, 'most feel uncomfortable'],
  [32, 'severe stress'],
  [Number.POSITIVE_INFINITY, 'danger'],
];
const UNCOMFORTABLE = 27;

export function sites(section) {
  const rows = table(
    'Comfort by site',
    [
      { name: 'Site', of: (s) => s.site },
      { name: 'Devices', of: (s) => `${s.devices} ${s.type}` },
      { name: 'Temperature', of: (s) => measured(s.temperature, 'Cel') },
      { name: 'Humidity', of: (s) => measured(s.humidity, '%') },
      { name: 'Discomfort', of: (s) => measured(s.discomfort, 'Cel'), flag: (s) => s.discomfort >= UNCOMFORTABLE },
      { name: 'Feels', of: (s) => FEELS.find(([below]) => s.discomfort < below)[1], wide: true },
      { name: 'Outside', of: (s) => measured(s.outside?.temperature, 'Cel') },
    ],
    (s) => s.series,
  );
  head(section, 'Sites');
  section.append(rows.node);

  const load = refresher(async () => {
    const known = await ask('sites');
    section.hidden = known.length === 0;
    rows.show(known);
  });
  return {
    load,
    onFrame(frame) {
      if (frame.changed.includes('iot.sites.comfort.1m') || frame.changed.includes('weather.sites')) load();
    },
  };
}
