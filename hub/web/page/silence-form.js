// Silencing an alert: what it is about is chosen by ticking its labels, so that nothing has to be typed on a phone but why.
import { h, text } from './dom.js';
import { tell } from './stream.js';

const DURATIONS = [
  [30, '30 minutes'],
  [60, '1 hour'],
  [240, '4 hours'],
  [1_440, '1 day'],
  [10_080, '1 week'],
];
/** What is ticked at first: this rule, at this place. */
const TICKED = ['rule', 'site', 'gateway', 'device', 'path', 'account', 'process', 'subject'];
const AUTHOR = 'headwater-author';

/** `open(alert)` shows the form; `onDone(silence)` is called with what was made. */
export function silenceForm(onDone) {
  const labels = h('div', { class: 'ticks' });
  const minutes = h(
    'select',
    { id: 'silence-for' },
    ...DURATIONS.map(([value, words]) => h('option', { value }, words)),
  );
  const comment = h('input', { id: 'silence-comment', required: true, maxlength: 1_000, autocomplete: 'off' });
  const author = h('input', { id: 'silence-author', required: true, maxlength: 100, autocomplete: 'name' });
  const problem = h('p', { role: 'alert', class: 'problem' });
  const send = h('button', { type: 'submit', class: 'main' }, 'Silence');
  const what = h('p', { class: 'quiet' });
  const node = h(
    'dialog',
    { 'aria-labelledby': 'silence-title' },
    h(
      'form',
      { onsubmit: submit },
      h('h2', { id: 'silence-title' }, 'Silence alerts'),
      what,
      h('fieldset', {}, h('legend', {}, 'All alerts with'), labels),
      field('For', minutes),
      field('Why', comment),
      field('Your name', author),
      problem,
      h('p', { class: 'choices' }, send, h('button', { type: 'button', onclick: () => node.close() }, 'Cancel')),
    ),
  );

  async function submit(event) {
    event.preventDefault();
    const matchers = [...labels.querySelectorAll('input:checked')].map((box) => box.value);
    if (matchers.length === 0)
      return text(problem, 'Choose at least one label: silencing all alerts is for the command line.');
    send.disabled = true;
    try {
      const wanted = { matchers, minutes: Number(minutes.value), comment: comment.value, author: author.value };
      const silence = await tell('alerting/silences', wanted);
      remember(author.value);
      node.close();
      onDone(silence);
    } catch (error) {
      text(problem, `It was not silenced: ${error.message}`);
    }
    send.disabled = false;
  }

  return {
    node,
    open(alert) {
      const all = { rule: alert.rule, ...alert.labels, severity: alert.severity, series: alert.series };
      labels.replaceChildren(
        ...Object.entries(all).map(([name, value]) => {
          // A star in a label is one: whoever chose the path /* must not have all paths silenced.
          const box = h('input', { type: 'checkbox', value: `${name}=${value.replaceAll('*', '\\*')}` });
          box.checked = TICKED.includes(name);
          return h('label', {}, box, h('code', {}, `${name}=${value}`));
        }),
      );
      text(what, alert.summary);
      text(problem, '');
      comment.value = '';
      author.value = remembered();
      node.showModal();
      comment.focus();
    },
  };
}

function field(name, control) {
  return h('p', { class: 'field' }, h('label', { for: control.id }, name), control);
}

// A browser may keep nothing for us; then the name is typed each time.
function remember(name) {
  try {
    localStorage.setItem(AUTHOR, name);
  } catch {}
}

function remembered() {
  try {
    return localStorage.getItem(AUTHOR) ?? '';
  } catch {
    return '';
  }
}
