import { encode, HeadwaterError, TOPICS, Transaction } from '../../contract/index.ts';
import { HEADERS } from './dead-letter.ts';
import type { FileSourceOptions } from './file-source.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Lines that each hold a transaction in JSON become records of `finance.transactions`. */
export function transactions(): Pick<FileSourceOptions, 'topic' | 'toRecord'> {
  return {
    topic: TOPICS.transactions.name,
    toRecord(line) {
      const parsed = Transaction.safeParse(json(line));
      if (!parsed.success) {
        const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'line'}: ${issue.message}`);
        throw new HeadwaterError('TRANSACTION_INVALID', problems.join('; '));
      }
      return { key: parsed.data.account, value: encode(parsed.data), headers: HEADERS };
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
