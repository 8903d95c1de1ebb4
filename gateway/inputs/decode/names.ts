import { createHash } from 'node:crypto';
import { NAME } from '../../../contract/index.ts';

const MAX_NAME = 64;
/** 40 bits: among a million foreign names the chance that two of them become one is below 1 in 2 million, and one must look like the other. */
const DIGEST_LENGTH = 10;
const ACCENTS = /[\u0300-\u036f]/g;

/**
 * A valid name for what another system calls by `foreign`. What is valid stays as it is. Otherwise accents go, everything else that a name cannot
 * have becomes `_` (a slash becomes `.`), and a digest of the whole original follows, so that two names which look alike stay two:
 * `kitchen/floor light` → `kitchen.floor_light_` and 10 hex digits.
 */
export function nameFor(foreign: string): string {
  if (NAME.test(foreign)) return foreign;
  const stem = foreign
    .slice(0, 4 * MAX_NAME)
    .normalize('NFKD')
    .replaceAll(ACCENTS, '')
    .replaceAll('/', '.')
    .replaceAll(/[^A-Za-z0-9_.:-]+/g, '_')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, MAX_NAME - DIGEST_LENGTH - 1);
  const digest = createHash('sha256').update(foreign, 'utf8').digest('hex').slice(0, DIGEST_LENGTH);
  return `${stem || 'x'}_${digest}`;
}
