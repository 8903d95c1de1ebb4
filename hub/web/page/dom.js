// Building and updating elements. Text only ever becomes a text node: names come from devices and from strangers' requests.
import { age, dateTime } from './format.js';

const SVG = 'http://www.w3.org/2000/svg';

/** An element with attributes, listeners (`onclick: fn`) and children (nodes or text). Attributes that are null or false are left out. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else attribute(element, name, value);
  }
  element.append(...children);
  return element;
}

/** Sets an attribute, or takes it away where `value` is null or false. Touches the document only on a change. */
export function attribute(element, name, value) {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value === true ? '' : value);
}

export function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

const rows = new WeakMap();

/**
 * Makes the children of `parent` follow `items`: an item keeps its element (and the focus in it) from update to update.
 * `make(item)` gives `{node, update}`; `update(item)` is called each time.
 */
export function list(parent, items, keyOf, make) {
  const known = rows.get(parent) ?? new Map();
  const next = new Map();
  let place = parent.firstChild;
  for (const item of items) {
    const key = keyOf(item);
    if (next.has(key)) continue;
    const row = known.get(key) ?? make(item);
    next.set(key, row);
    row.update(item);
    if (row.node === place) place = place.nextSibling;
    else parent.insertBefore(row.node, place);
  }
  for (const [key, row] of known) if (!next.has(key)) row.node.remove();
  rows.set(parent, next);
}

let offset = 0;

/** Sets the page's clock by the server's: ages must be right on a machine whose own clock is not. */
export function setNow(serverNow) {
  const found = serverNow - Date.now();
  // Small differences are the way the message took.
  if (Math.abs(found - offset) > 1_500) offset = found;
}

export const now = () => Date.now() + offset;

/** A time that shows its age and, pointed at, its date; `tickAges` keeps it going. */
export function when(at) {
  const node = h('time');
  setWhen(node, at);
  return node;
}

export function setWhen(node, at) {
  if (node.dataset.at === String(at)) return;
  node.dataset.at = at;
  node.dateTime = new Date(at).toISOString();
  node.title = dateTime(at);
  text(node, age(at, now()));
}

export function tickAges() {
  for (const node of document.querySelectorAll('time[data-at]')) text(node, age(Number(node.dataset.at), now()));
}

/** The head of a panel, with what stands beside the title. */
export function head(section, title, ...controls) {
  section.append(h('header', {}, h('h2', { id: `${section.id}-title` }, title), ...controls));
}

/** A state as sign and word: never by colour alone. */
export function badge(state, words) {
  const node = h('span', { class: 'badge' });
  setBadge(node, state, words);
  return node;
}

export function setBadge(node, state, words) {
  attribute(node, 'data-state', state);
  text(node, words);
}
