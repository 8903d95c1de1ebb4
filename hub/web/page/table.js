// Tables of figures whose rows can be chosen.
import { attribute, h, list, text } from './dom.js';

const cellClass = ({ flag, wide }) => `right ${flag ? 'flag' : ''} ${wide ? 'wide' : ''}`;

/**
 * `columns` are `{name, of, flag, wide}`: `of(item)` writes a cell, `flag(item)` says whether it asks for attention, `wide` columns are left out on
 * a phone. The first column names the row and, where `onChoose` is given, is a button. `show(items, chosenKey)` sets the rows.
 */
export function table(caption, columns, keyOf, onChoose) {
  const body = h('tbody');
  const headings = columns.map((c, i) => h('th', { scope: 'col', class: i > 0 ? cellClass(c) : null }, c.name));
  const node = h(
    'div',
    { class: 'scroll' },
    h('table', {}, h('caption', { class: 'unseen' }, caption), h('thead', {}, h('tr', {}, ...headings)), body),
  );

  function row(first) {
    let item = first;
    const name = onChoose ? h('button', { type: 'button', class: 'link', onclick: () => onChoose(item) }) : h('span');
    const cells = columns.slice(1).map((c) => h('td', { class: cellClass(c) }));
    return {
      node: h('tr', { 'data-key': keyOf(first) }, h('th', { scope: 'row' }, name), ...cells),
      update(next) {
        item = next;
        text(name, columns[0].of(item));
        name.title = columns[0].of(item);
        columns.slice(1).forEach(({ of, flag }, i) => {
          text(cells[i], of(item));
          if (flag) attribute(cells[i], 'data-state', flag(item) ? 'bad' : null);
        });
      },
    };
  }

  return {
    node,
    show(items, chosen) {
      list(body, items, keyOf, row);
      for (const tr of body.children) {
        const is = chosen !== undefined && tr.dataset.key === chosen;
        attribute(tr, 'class', is ? 'chosen' : null);
        if (onChoose) attribute(tr.querySelector('button'), 'aria-pressed', String(is));
      }
    },
  };
}
