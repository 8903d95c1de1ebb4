import { type Format, parseTopicPattern, type TopicPattern } from '../../../config/index.ts';
import type { Problem } from '../../input.ts';
import type { Parsed } from '../parsed.ts';
import { csvParser } from './csv.ts';
import type { FormatParser } from './foreign.ts';
import { influxParser } from './influx.ts';
import { jsonParser, numberParser } from './json.ts';
import { SHELLY_TOPICS, shellyParser } from './shelly.ts';
import { tasmotaParser } from './tasmota.ts';
import { zigbee2mqttParser } from './zigbee2mqtt.ts';

/** A message in many lines may have many faults, and each dead letter holds the message: after this many one tells of the rest. */
const MAX_PROBLEMS = 4;

/** Takes a message of a foreign format apart: nothing where it is ignored on purpose, undefined where no format is for its topic. */
export type ForeignParser = (topic: string, payload: Buffer) => readonly Parsed[] | undefined;

interface Route {
  readonly pattern: TopicPattern;
  readonly parse: FormatParser;
}

/** The declared formats, first match first. Throws what `parseTopicPattern` throws. */
export function foreignParser(formats: readonly Format[]): ForeignParser {
  const routes = formats.flatMap(routesOf);
  return (topic, payload) => {
    for (const { pattern, parse } of routes) {
      const named = pattern.match(topic);
      if (named) return limited(parse(named, payload));
    }
    return undefined;
  };
}

function routesOf(format: Format): Route[] {
  if (format.format === 'shelly' && format.topic === undefined) {
    return SHELLY_TOPICS.map(([pattern, head]) => ({
      pattern: parseTopicPattern(pattern),
      parse: (named, payload) => shellyParser({ ...named, path: head + (named.path ?? '') }, payload),
    }));
  }
  return [{ pattern: parseTopicPattern(format.topic!), parse: parserOf(format) }];
}

function parserOf(format: Format): FormatParser {
  switch (format.format) {
    case 'number':
      return numberParser(format);
    case 'json':
      return jsonParser(format);
    case 'csv':
      return csvParser(format);
    case 'influx':
      return influxParser(format);
    case 'tasmota':
      return tasmotaParser;
    case 'shelly':
      return shellyParser;
    case 'zigbee2mqtt':
      return zigbee2mqttParser;
  }
}

function limited(parsed: readonly Parsed[]): readonly Parsed[] {
  const count = parsed.reduce((sum, { problems }) => sum + problems.length, 0);
  if (parsed.length <= 1 || count <= MAX_PROBLEMS) return parsed;
  let left = MAX_PROBLEMS - 1;
  const rest: Problem = { code: 'MORE_PROBLEMS', reason: `there are ${count - left} more problems in this message` };
  const kept = parsed.map((its): Parsed => {
    const problems = its.problems.slice(0, left);
    left -= problems.length;
    return problems.length === its.problems.length ? its : { ...its, problems };
  });
  const [first, ...others] = kept as [Parsed, ...Parsed[]];
  return [{ ...first, problems: [...first.problems, rest] }, ...others];
}
