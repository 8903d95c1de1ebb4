import type { Random } from '../random/index.ts';

/** What a device measures, by metric, at a time (ms since the epoch). Called with times that only grow. */
export type Process = (t: number) => Record<string, number>;

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

/** Noise that wanders: mean 0, standard deviation `sigma`, forgotten within `tau` ms (Ornstein and Uhlenbeck). */
export function wander(random: Random, sigma: number, tau: number): (t: number) => number {
  let value = sigma * random.normal();
  let last: number | undefined;
  return (t) => {
    const keep = last === undefined ? 1 : Math.exp(-(t - last) / tau);
    last = t;
    value = value * keep + sigma * Math.sqrt(1 - keep * keep) * random.normal();
    return value;
  };
}

/** Follows what it is given with a time constant of `tau` ms: a sensor's housing, a motor's mass. */
export function lag(tau: number): (t: number, target: number) => number {
  let value: number | undefined;
  let last = 0;
  return (t, target) => {
    value = value === undefined ? target : target + (value - target) * Math.exp(-(t - last) / tau);
    last = t;
    return value;
  };
}

/** −1 in the small hours, 1 in the afternoon, UTC. */
function daily(t: number): number {
  return Math.sin((2 * Math.PI * (t - DAY * 0.375)) / DAY);
}

/** A room: warm in the afternoon, dry when it is warm. */
export function climate(random: Random): Process {
  const base = 20 + 3 * random.uniform();
  const swing = 1 + 2 * random.uniform();
  const weather = wander(random, 0.5, 2 * MINUTE);
  const moisture = wander(random, 2, 5 * MINUTE);
  const housing = lag(20 * SECOND);
  return (t) => {
    const temperature = housing(t, base + swing * daily(t) + weather(t));
    const humidity = clamp(48 - 3 * (temperature - base) + moisture(t), 5, 98);
    return {
      temperature: round(temperature + 0.03 * random.normal(), 2),
      humidity: round(clamp(humidity + 0.2 * random.normal(), 0, 100), 1),
    };
  };
}

/** A cold store: a compressor that goes on above 5 °C and off below 3 °C, and a defrost now and then. */
export function coldStore(random: Random): Process {
  const air = lag(4 * MINUTE);
  const every = (40 + 20 * random.uniform()) * MINUTE;
  const phase = random.uniform() * every;
  let cooling = false;
  return (t) => {
    const defrosting = (t + phase) % every < 4 * MINUTE;
    const temperature = air(t, defrosting ? 16 : cooling ? -4 : 12);
    cooling = !defrosting && (cooling ? temperature > 3 : temperature > 5);
    return {
      temperature: round(temperature + 0.04 * random.normal(), 2),
      humidity: round(clamp(82 - 2.5 * (temperature - 4) + random.normal(), 5, 100), 1),
    };
  };
}

/** Time a bearing takes from first sign to failure; it is changed then, and the next one wears. */
const WEAR = 30 * MINUTE;

const STATES = {
  off: { vibration: 0.05, temperature: 22, current: 0.1, lasts: 1 * MINUTE },
  idle: { vibration: 0.6, temperature: 38, current: 2.4, lasts: 40 * SECOND },
  running: { vibration: 2.2, temperature: 61, current: 11.5, lasts: 4 * MINUTE },
} as const;

/** A machine that runs, idles and rests. With `failing`, a bearing that wears: vibration and heat grow, and it begins to knock. */
export function machine(random: Random, failing: boolean): Process {
  let state: keyof typeof STATES = 'running';
  let until = 0;
  let start: number | undefined;
  const mass = lag(90 * SECOND);
  const load = wander(random, 1, 30 * SECOND);
  return (t) => {
    start ??= t - (failing ? 0.4 * WEAR : 0);
    while (t >= until) {
      state = until === 0 ? 'running' : random.pick(state === 'running' ? ['idle', 'off'] : ['running']);
      until = (until === 0 ? t : until) + 5 * SECOND + random.exponential(STATES[state].lasts);
    }
    const { vibration, temperature, current } = STATES[state];
    const wear = failing ? ((t - start) % WEAR) / WEAR : 0;
    const damage = Math.exp(4 * Math.max(0, wear - 0.5)) - 1;
    const knock = state === 'running' && random.chance(0.2 * wear) ? damage * random.exponential(1.5) : 0;
    const pull = 1 + 0.05 * load(t);
    return {
      vibration: round(Math.max(0, vibration * pull * (1 + 0.4 * damage) + knock + 0.03 * random.normal()), 3),
      temperature: round(mass(t, temperature + 6 * damage) + 0.05 * random.normal(), 2),
      current: round(Math.max(0, current * pull + 0.05 * random.normal()), 2),
    };
  };
}

/** A mains meter: more by day than by night, appliances that come and go. */
export function meter(random: Random): Process {
  const base = 800 + 1_200 * random.uniform();
  const slow = wander(random, 0.15, 10 * MINUTE);
  const mains = wander(random, 1.5, MINUTE);
  let appliance = 0;
  return (t) => {
    if (random.chance(0.02)) appliance = appliance > 0 ? 0 : 300 + 2_000 * random.uniform();
    const voltage = 230 + mains(t);
    const power = Math.max(50, base * (1 + 0.4 * daily(t) + slow(t)) + appliance + 10 * random.normal());
    return { power: round(power, 1), voltage: round(voltage, 2), current: round(power / voltage, 3) };
  };
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
