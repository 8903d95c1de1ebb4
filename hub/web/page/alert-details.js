// What stands behind the alerts: silences, channels and what was told to whom.
import { badge, h, list, setBadge, setWhen, text } from './dom.js';
import { clockTime, count } from './format.js';
import { tell } from './stream.js';

const CHANNEL_WORDS = { done: 'told', waiting: 'not yet told' };

/** `show(found)` sets what is shown, `open()` shows it; `onChange()` is called when a silence was ended. */
export function alertDetails(onChange) {
  const parts = {
    silences: part(
      'Silences',
      'None. An alert is silenced by the button beside it, or with `headwater alerts silence`.',
    ),
    channels: part('Channels', 'None yet. They are set up in the hub’s configuration, under `alerts`.'),
    told: part('Told lately', 'Nothing yet.'),
  };
  const problem = h('p', { role: 'alert', class: 'problem' });
  const node = h(
    'dialog',
    { class: 'broad', 'aria-labelledby': 'alert-details-title' },
    h(
      'header',
      {},
      h('h2', { id: 'alert-details-title' }, 'Silences and channels'),
      h('button', { type: 'button', onclick: () => node.close() }, 'Close'),
    ),
    problem,
    ...Object.values(parts).flatMap(({ nodes }) => nodes),
  );

  async function end(silence) {
    text(problem, '');
    try {
      await tell(`alerting/silences/${encodeURIComponent(silence.id)}/end`);
      onChange();
    } catch (error) {
      text(problem, `It was not ended: ${error.message}`);
    }
  }

  return {
    node,
    open: () => node.showModal(),
    show({ silences, channels, told, writable }) {
      parts.silences.show(
        silences,
        (s) => s.id,
        () => silenceRow(writable ? end : undefined),
      );
      parts.channels.show(channels, (c) => c.channel, channelRow);
      parts.told.show(told, (t) => t.id, toldRow);
    },
  };
}

function part(title, whenEmpty) {
  const rows = h('ul', { class: 'rows' });
  const empty = h('p', { class: 'empty' }, whenEmpty);
  return {
    nodes: [h('h3', {}, title), empty, rows],
    show(items, keyOf, make) {
      empty.hidden = items.length > 0;
      list(rows, items, keyOf, make);
    },
  };
}

function silenceRow(end) {
  let silence;
  const state = badge('waiting', '');
  const matchers = h('code', { class: 'grow' });
  const about = h('span', { class: 'quiet under' });
  const button = h('button', { type: 'button', class: 'link', onclick: () => end(silence) }, 'End');
  return {
    node: h('li', {}, state, matchers, button, about),
    update(next) {
      silence = next;
      const isOver = silence.end <= Date.now();
      setBadge(state, isOver ? 'good' : 'waiting', isOver ? 'over' : `until ${clockTime(silence.end)}`);
      text(matchers, silence.matchers.join(' '));
      text(about, `${silence.comment} · ${silence.author}`);
      button.hidden = end === undefined || isOver;
      button.ariaLabel = `End the silence of ${silence.matchers.join(' ')}`;
    },
  };
}

function channelRow() {
  const state = badge('waiting', '');
  const name = h('span', { class: 'grow' });
  const about = h('span', { class: 'quiet under' });
  return {
    node: h('li', {}, state, name, about),
    update(c) {
      setBadge(state, c.state === 'ready' ? 'good' : 'bad', c.state === 'ready' ? 'ready' : 'not reached');
      text(name, `${c.channel} (${c.kind})`);
      const takes = [...(c.severities.length < 3 ? [c.severities.join(', ')] : []), ...c.matchers].join(' · ');
      const refused = c.refused > 0 ? `, ${count(c.refused)} refused` : '';
      const told = `${count(c.accepted)} told${refused} by ${c.process}`;
      text(about, [takes, told, c.state === 'ready' && c.refused === 0 ? '' : c.detail].filter(Boolean).join(' · '));
    },
  };
}

function toldRow() {
  const state = badge('waiting', '');
  const what = h('span', { class: 'grow' });
  const at = h('time');
  const about = h('span', { class: 'quiet under' });
  return {
    node: h('li', {}, state, what, at, about),
    update(t) {
      setBadge(state, t.state === 'firing' ? 'bad' : 'good', t.repeated ? 'still firing' : t.state);
      const more = t.firing + t.resolved - t.summaries.length;
      text(what, `${t.summaries.join('; ')}${more > 0 ? ` and ${count(more)} more` : ''}`);
      const to = t.channels
        .filter((c) => c.state !== 'not-for-it')
        .map((c) => `${c.channel}: ${CHANNEL_WORDS[c.state]}`);
      text(about, `${t.group} · ${to.join(', ') || 'for no channel'}`);
      setWhen(at, t.ts);
    },
  };
}
