// What a page shows that has no reading yet: what is being started, and what to do.
import { badge, h, list, setBadge, text } from './dom.js';

const WORDS = { ready: 'ready', starting: 'starting', failed: 'failed', stopped: 'stopped' };
const STATES = { ready: 'good', starting: 'waiting', failed: 'bad', stopped: 'quiet' };
const FEED = { starting: 'starting', live: 'ready', failed: 'failed', closed: 'stopped' };

export function starting(section) {
  const parts = h('ul', { class: 'rows' });
  section.append(
    h('header', {}, h('h2', { id: 'starting-title' }, 'Waiting for the first reading')),
    h('p', {}, 'The platform is starting; the first chart usually shows within 15 seconds.'),
    parts,
    h('p', {}, 'When everything is ready and nothing shows, no device is sending. Try one of these:'),
    h(
      'ul',
      { class: 'hints' },
      h('li', {}, h('code', {}, 'headwater simulate devices'), ' starts simulated devices.'),
      h(
        'li',
        {},
        'Send to the gateway’s MQTT broker: topic ',
        h('code', {}, 'devices/my-device/temperature'),
        ', payload ',
        h('code', {}, '21.4'),
        '.',
      ),
      h('li', {}, h('code', {}, 'headwater doctor'), ' says what this machine lacks.'),
    ),
  );

  return {
    onFrame({ summary }) {
      if (!summary) return;
      section.hidden = !isStarting(summary);
      if (section.hidden) return;
      const feed = { name: 'live feed', state: FEED[summary.feed.state], detail: summary.feed.detail };
      list(parts, [...summary.parts, feed], (part) => part.name, partRow);
    },
  };
}

/** Whether there is nothing to show yet. */
export const isStarting = (summary) => summary.firstChartAt === null && summary.readings.counted === 0;

/** A part of the platform in a `list`. */
export function partRow(first) {
  const state = badge('waiting', '');
  const detail = h('span', { class: 'quiet grow' });
  return {
    node: h('li', {}, state, h('span', { class: 'name' }, first.name), detail),
    update(part) {
      setBadge(state, STATES[part.state], WORDS[part.state]);
      text(detail, part.detail);
    },
  };
}
