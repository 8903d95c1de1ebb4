// Alerts: what fires, what is pending, what is held back and why.
import { alertDetails } from './alert-details.js';
import { badge, h, head, list, setBadge, setWhen, text } from './dom.js';
import { clockTime, count } from './format.js';
import { silenceForm } from './silence-form.js';
import { ask, refresher } from './stream.js';

const STATES = { firing: 'bad', pending: 'waiting', resolved: 'good', silenced: 'waiting', inhibited: 'waiting' };
const SHOWN = 30;
const TOPICS = ['alerts', 'alert-silences', 'alert-channels', 'notifications'];
/** The end of a silence is told by nobody. */
const LOOK_EVERY_MS = 15_000;

export function alerts(section, page) {
  const rows = h('ul', { class: 'rows' });
  const empty = h(
    'p',
    { class: 'empty' },
    'No alerts. A rule whose condition holds shows here, first as pending, then as firing.',
  );
  const details = alertDetails(() => load());
  const form = silenceForm((silence) => {
    page.announce(`Silenced until ${clockTime(silence.end)}`);
    load();
  });
  const more = h('button', { type: 'button', onclick: () => details.open() }, 'Silences and channels');
  head(section, 'Alerts', more);
  section.append(empty, rows, form.node, details.node);
  /** Firing alerts already told; undefined until the first load, which tells nothing. */
  let told;

  const load = refresher(async () => {
    const found = await ask('alerting', { limit: SHOWN });
    empty.hidden = found.alerts.length > 0;
    list(
      rows,
      found.alerts,
      (a) => a.id,
      () => alertRow(found.writable ? form.open : undefined),
    );
    for (const row of rows.children) row.describe?.(found);
    details.show(found);
    text(more, summaryOf(found));
    const firing = found.alerts.filter((a) => a.state === 'firing' && !a.held);
    const fresh = firing.filter((a) => told && !told.has(a.id));
    if (fresh.length > 0) page.announce(`Alert firing: ${fresh.map((a) => a.summary).join('; ')}`);
    told = new Set(firing.map((a) => a.id));
  });
  setInterval(load, LOOK_EVERY_MS);
  return {
    load,
    onFrame(frame) {
      if (TOPICS.some((topic) => frame.changed.includes(topic))) load();
    },
  };
}

/** What stands on the button: a channel that does not work is more than a number. */
function summaryOf({ silences, channels }) {
  const active = silences.filter(({ end }) => end > Date.now()).length;
  const waiting = channels.filter(({ state }) => state === 'waiting');
  if (waiting.length > 0) return `▲ ${waiting.map(({ channel }) => channel).join(', ')} not reached`;
  return active > 0 ? `${count(active)} ${active === 1 ? 'silence' : 'silences'}, channels` : 'Silences and channels';
}

function alertRow(silence) {
  let alert;
  const state = badge('waiting', '');
  const summary = h('span', { class: 'grow' });
  const rule = h('span');
  const button = h('button', { type: 'button', class: 'link', onclick: () => silence(alert) }, 'Silence');
  const since = h('time');
  const node = h('li', {}, state, summary, since, h('span', { class: 'quiet under parted' }, rule, button));
  return {
    node,
    update(next) {
      alert = next;
      const word = alert.held === undefined ? alert.state : alert.held.by === 'silence' ? 'silenced' : 'inhibited';
      setBadge(state, STATES[word], word);
      text(summary, alert.summary);
      button.hidden = silence === undefined || alert.state === 'resolved' || alert.held?.by === 'silence';
      button.ariaLabel = `Silence: ${alert.summary}`;
      setWhen(since, alert.state === 'resolved' ? alert.ts : alert.since);
      node.describe = (all) => text(rule, `${alert.severity} · ${alert.rule} · ${alert.series}${whyHeld(alert, all)}`);
    },
  };
}

function whyHeld({ held }, { silences, alerts: all }) {
  if (held === undefined) return '';
  if (held.by === 'inhibition') {
    const cause = all.find(({ id }) => id === held.id);
    return ` · follows from: ${cause?.summary ?? held.id}`;
  }
  const silence = silences.find(({ id }) => id === held.id);
  return silence ? ` · until ${clockTime(silence.end)}: ${silence.comment}` : '';
}
