import type { z } from 'zod';
import { encode, HeadwaterError, TOPICS, type Topic, Transaction, WeatherObservation } from '../../contract/index.ts';
import { HEADERS } from './dead-letter.ts';
import type { FileSourceOptions } from './file-source.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Lines that each hold a transaction in JSON become records of `finance.transactions`. */
export const transactions = () => jsonLines(TOPICS.transactions, Transaction, 'account', 'TRANSACTION_INVALID');

/** Lines that each hold an observation of the weather in JSON become records of `weather.observations`. */
export const weather = () => jsonLines(TOPICS.weather, WeatherObservation, 'place', 'WEATHER_INVALID');

function jsonLines<T extends object>(
  topic: Topic,
  schema: z.ZodType<T>,
  key: keyof T,
  code: string,
): Pick<FileSourceOptions, 'topic' | 'toRecord'> {
  return {
    topic: topic.name,
    toRecord(line) {
      const parsed = schema.safeParse(json(line));
      if (!parsed.success) {
        const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'line'}: ${issue.message}`);
        throw new HeadwaterError(code, problems.join('; '));
      }
      return { key: String(parsed.data[key]), value: encode(parsed.data), headers: HEADERS };
    },
  };
}

/** Strict about UTF-8: a name altered in decoding would be another account's or counterparty's. */
function json(line: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(line));
  } catch (cause) {
    throw new HeadwaterError('JSON_INVALID', `The line is not JSON in UTF-8: ${(cause as Error).message}`, { cause });
  }
}
