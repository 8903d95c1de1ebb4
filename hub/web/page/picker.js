// A combobox over series: type to narrow, arrow keys to move, Enter to choose, Escape to leave.
import { attribute, h, list, text } from './dom.js';

const MOST = 60;
const label = (s) => `${s.device} · ${s.metric}`;

/** `onChoose` gets the series chosen. `show(all, chosen)` sets what there is and what is chosen. */
export function picker(onChoose) {
  let all = [];
  let chosen;
  let found = [];
  let active = 0;

  const options = h('ul', { id: 'picker-list', role: 'listbox', 'aria-label': 'Devices and metrics', hidden: true });
  const more = h('p', { class: 'quiet', hidden: true });
  const input = h('input', {
    id: 'picker',
    type: 'text',
    role: 'combobox',
    autocomplete: 'off',
    spellcheck: 'false',
    placeholder: 'Device or metric',
    'aria-label': 'Device and metric to show',
    'aria-expanded': 'false',
    'aria-controls': 'picker-list',
    'aria-autocomplete': 'list',
    oninput: () => open(input.value),
    onfocus: () => input.select(),
    onclick: () => open(''),
    onblur: close,
    onkeydown: onKey,
  });
  const pop = h('div', { class: 'pop', hidden: true }, options, more);
  const node = h('div', { class: 'picker' }, input, pop);

  function open(sought) {
    const words = sought
      .toLowerCase()
      .split(/[\s·]+/)
      .filter(Boolean);
    const matching = all.filter((s) => words.every((word) => label(s).toLowerCase().includes(word)));
    found = matching.slice(0, MOST);
    active =
      sought === ''
        ? Math.max(
            0,
            found.findIndex((s) => chosen && label(s) === label(chosen)),
          )
        : 0;
    const rest = matching.length - found.length;
    text(more, found.length === 0 ? 'Nothing by that name' : `${rest} more: type a part of the name`);
    more.hidden = rest === 0 && found.length > 0;
    options.hidden = pop.hidden = false;
    attribute(input, 'aria-expanded', 'true');
    render();
  }

  function close() {
    options.hidden = pop.hidden = true;
    attribute(input, 'aria-expanded', 'false');
    attribute(input, 'aria-activedescendant', null);
    input.value = chosen ? label(chosen) : '';
  }

  function render() {
    list(options, found, label, (series) => {
      // Before the blur of the input, which would close the list under the pointer.
      const option = h(
        'li',
        { role: 'option', onpointerdown: (event) => event.preventDefault(), onclick: () => choose(series) },
        label(series),
      );
      return { node: option, update: () => {} };
    });
    found.forEach((_, i) => {
      const option = options.children[i];
      option.id = `picker-option-${i}`;
      attribute(option, 'aria-selected', String(i === active));
      if (i === active) option.scrollIntoView({ block: 'nearest' });
    });
    attribute(input, 'aria-activedescendant', found.length > 0 ? `picker-option-${active}` : null);
  }

  function choose(series) {
    chosen = series;
    close();
    onChoose(series);
  }

  function onKey(event) {
    const closed = pop.hidden;
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
    if (event.key in steps) {
      event.preventDefault();
      if (closed) return open('');
      active = Math.min(found.length - 1, Math.max(0, active + steps[event.key]));
      render();
    } else if (event.key === 'Enter' && !closed && found[active]) {
      event.preventDefault();
      choose(found[active]);
    } else if (event.key === 'Escape' && !closed) {
      event.preventDefault();
      close();
    }
  }

  return {
    node,
    show(series, current) {
      all = series;
      chosen = current;
      if (document.activeElement !== input) close();
    },
  };
}
