// Gateways: are they there, what do they hold back, are their inputs well.
import { badge, h, head, list, now, setBadge, setWhen, text } from './dom.js';
import { bytes, count, duration } from './format.js';
import { ask, refresher } from './stream.js';

const SILENT_MS = 30_000;
const INPUT = { ok: 'good', waiting: 'waiting', failed: 'bad' };
const DAY = 86_400_000;

export function gateways(section) {
  const rows = h('ul', { class: 'cards' });
  const empty = h(
    'p',
    { class: 'empty' },
    'No gateway has reported yet. Each tells its status every few seconds once it reaches Kafka.',
  );
  head(section, 'Gateways');
  section.append(empty, rows);
  let known = [];
  let silences = [];

  function render() {
    empty.hidden = known.length > 0;
    const of = (gateway, kind) => silences.filter((s) => s.gateway === gateway.value.gateway && s.kind === kind);
    const shown = known.map((gateway) => {
      const unheard = of(gateway, 'gateway').some((s) => s.cause === 'no-readings');
      return { ...gateway, silent: of(gateway, 'device'), unheard };
    });
    list(rows, shown, (g) => g.value.gateway, card);
  }
  // A gateway that falls silent sends no event to say so.
  setInterval(render, 5_000);

  const load = refresher(async () => {
    [known, silences] = await Promise.all([ask('gateways'), ask('silences')]);
    render();
  });
  return {
    load,
    onFrame(frame) {
      if (frame.changed.includes('gateways') || frame.changed.includes('iot.silences')) load();
    },
  };
}

function stateOf({ value, seenAt, unheard }) {
  if (now() - seenAt > SILENT_MS) return ['bad', `silent for ${duration(now() - seenAt)}`];
  if (unheard) return ['bad', 'none of its devices is heard'];
  if (value.inputs.some((input) => input.state === 'failed')) return ['waiting', 'an input failed'];
  if (value.backlog.oldestTs !== null && now() - value.backlog.oldestTs > SILENT_MS) return ['waiting', 'catching up'];
  return ['good', 'connected'];
}

function card(first) {
  const state = badge('waiting', '');
  const site = h('span', { class: 'quiet grow' });
  const seen = h('time');
  const backlog = h('dd');
  const forwarded = h('dd');
  const given = h('dd');
  const disk = h('dd');
  const silent = h('dd');
  const silence = h('div', { hidden: true }, h('dt', {}, 'Silent devices'), silent);
  const inputs = h('ul', { class: 'inputs' });
  const pair = (term, value) => h('div', {}, h('dt', {}, term), value);
  const node = h(
    'li',
    {},
    h('p', { class: 'line' }, h('span', { class: 'name' }, first.value.gateway), site, seen, state),
    h(
      'dl',
      {},
      pair('Backlog', backlog),
      pair('Forwarded', forwarded),
      pair('Not taken', given),
      pair('Free disk', disk),
      silence,
    ),
    inputs,
  );
  return {
    node,
    update(gateway) {
      const { value, seenAt, counts } = gateway;
      setBadge(state, ...stateOf(gateway));
      text(site, `${value.site} · ${value.version}${certificate(value)}`);
      setWhen(seen, seenAt);
      const oldest = value.backlog.oldestTs === null ? '' : `, oldest ${duration(now() - value.backlog.oldestTs)}`;
      text(backlog, value.backlog.readings === 0 ? 'none' : `${count(value.backlog.readings)}${oldest}`);
      text(forwarded, count(counts.forwarded));
      text(
        given,
        `${count(counts.rejected)} bad, ${count(counts.duplicates)} repeats, ${count(counts.evicted + counts.lost)} lost`,
      );
      text(disk, bytes(value.disk.freeBytes));
      silence.hidden = gateway.silent.length === 0;
      text(silent, gateway.silent.map((s) => `${s.device} for ${duration(now() - s.since)}`).join(', '));
      list(inputs, value.inputs, (input) => input.name, inputRow);
    },
  };
}

function certificate({ certificateExpiresAt }) {
  if (certificateExpiresAt === null || certificateExpiresAt - now() > 30 * DAY) return '';
  return ` · certificate ends in ${duration(certificateExpiresAt - now())}`;
}

function inputRow(first) {
  const state = badge('waiting', '');
  const detail = h('span', { class: 'quiet grow' });
  return {
    node: h('li', {}, state, h('span', {}, first.name), detail),
    update(input) {
      setBadge(state, INPUT[input.state], input.state);
      text(detail, input.detail);
    },
  };
}
