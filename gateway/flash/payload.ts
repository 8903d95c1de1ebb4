import { readFileSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, normalize } from 'node:path';
import { parse } from 'yaml';
import { HeadwaterError } from '../../contract/index.ts';

/** The configuration's own name on the gateway. */
const CONFIG = 'gateway.yaml';
const HOME = '/etc/headwater/';

/**
 * A configuration and every file it names, by their paths below /etc/headwater on the gateway.
 * @throws HeadwaterError `FLASH_FILES` with each file that cannot go along in `details`
 */
export function configurationFiles(config: string): Map<string, Buffer> {
  const folder = dirname(config);
  const text = readFileSync(config);
  const files = new Map([[CONFIG, text]]);
  const details: string[] = [];
  for (const { key, path } of namedFiles(parse(text.toString()))) {
    const below = normalize(path.startsWith(HOME) ? path.slice(HOME.length) : path);
    if (isAbsolute(below) || below.startsWith('..')) {
      details.push(
        `${key}: ${path} will not be there on the gateway; put it beside ${basename(config)} and name it relative to that`,
      );
      continue;
    }
    try {
      files.set(below, readFileSync(join(folder, below)));
    } catch (cause) {
      details.push(`${key}: ${(cause as Error).message}`);
    }
  }
  if (details.length === 0) return files;
  throw new HeadwaterError('FLASH_FILES', `${config} names files that cannot be put on the card:`, { details });
}

/** Keys that end in `File` hold paths. */
function namedFiles(value: unknown, key = ''): { key: string; path: string }[] {
  if (typeof value === 'string') return key.endsWith('File') ? [{ key, path: value }] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, its]) =>
    namedFiles(its, Array.isArray(value) ? `${key}[${name}]` : key === '' ? name : `${key}.${name}`),
  );
}
