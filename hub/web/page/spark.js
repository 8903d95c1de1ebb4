// A line as small as a word.
import { attribute, svg } from './dom.js';

const WIDTH = 100;
const HEIGHT = 24;

/** `set(xs, ys)` draws the last values; nothing is drawn of fewer than two. */
export function spark() {
  const line = svg('polyline', { class: 'spark-line' });
  const node = svg(
    'svg',
    { class: 'spark', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    line,
  );
  return {
    node,
    set(xs, ys) {
      const [from, to] = [xs[0], xs.at(-1)];
      const [min, max] = [Math.min(...ys), Math.max(...ys)];
      const x = (t) => (to === from ? 0 : ((t - from) / (to - from)) * WIDTH);
      const y = (v) => (max === min ? HEIGHT / 2 : HEIGHT - 2 - ((v - min) / (max - min)) * (HEIGHT - 4));
      const points = ys.length < 2 ? '' : ys.map((v, i) => `${x(xs[i]).toFixed(1)},${y(v).toFixed(1)}`).join(' ');
      attribute(line, 'points', points);
    },
  };
}
