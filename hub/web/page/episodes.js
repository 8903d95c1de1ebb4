// Who went too far: clients, accounts, the site as a whole.
import { badge, h, head, list, setBadge, setWhen, text } from './dom.js';
import { count, percent } from './format.js';
import { ask, refresher } from './stream.js';

const SHOWN = 12;
/** What happened, by kind; kinds of jobs that were added show as they are. */
const WORDS = {
  'client-hammering': (e) => `${e.subject} sent up to ${count(e.most)} requests in 10 s`,
  'payment-velocity': (e) => `${e.subject} paid by card up to ${count(e.most)} times in 10 s`,
  'server-errors': (e) => `Up to ${percent(e.peak)} of all requests failed`,
  'login-failures': (e) => `Up to ${percent(e.peak)} of all requests were denied`,
  'not-found': (e) => `Up to ${percent(e.peak)} of all requests asked for what is not there`,
};

export function episodes(section) {
  const rows = h('ul', { class: 'rows' });
  head(section, 'Limits passed');
  section.append(rows);

  const load = refresher(async () => {
    const found = await ask('episodes', { limit: SHOWN });
    section.hidden = found.length === 0;
    list(rows, found, (e) => `${e.series}@${e.windowStart}`, episodeRow);
  });
  return {
    load,
    onFrame(frame) {
      if (frame.changed.includes('episodes')) load();
    },
  };
}

function episodeRow() {
  const state = badge('waiting', '');
  const what = h('span', { class: 'grow' });
  const kind = h('span', { class: 'quiet under' });
  const at = h('time');
  return {
    node: h('li', {}, state, what, at, kind),
    update(episode) {
      setBadge(state, episode.early ? 'bad' : 'good', episode.early ? 'goes on' : 'over');
      text(what, WORDS[episode.kind]?.(episode) ?? `${episode.subject}: up to ${count(episode.most)}`);
      text(kind, episode.kind);
      setWhen(at, episode.early ? episode.windowStart : episode.until);
    },
  };
}
