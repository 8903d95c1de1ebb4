import { parseArgs } from 'node:util';
import { HeadwaterError } from '../../../contract/index.ts';
import { ensureProgram } from './build.ts';
import { STORES } from './recipes.ts';

const USAGE = `Usage: npm run stores [-- NAME...]
Builds the servers that results are stored in, for this machine and its tests, and keeps them. Names: ${STORES.map(({ name }) => name).join(', ')}; all unless given.`;

try {
  const { values, positionals } = parseArgs({ options: { help: { type: 'boolean' } }, allowPositionals: true });
  const unknown = positionals.filter((name) => !STORES.some((recipe) => recipe.name === name));
  if (unknown.length > 0) throw new HeadwaterError('USAGE', `there is no store "${unknown.join('", "')}"`);
  if (values.help) process.stdout.write(`${USAGE}\n`);
  else {
    for (const recipe of STORES) {
      if (positionals.length > 0 && !positionals.includes(recipe.name)) continue;
      const path = await ensureProgram(recipe, { onProgress: (text) => process.stderr.write(`${text}\n`) });
      process.stdout.write(`${recipe.name} ${recipe.version}: ${path}\n`);
    }
  }
} catch (error) {
  const usage = !(error instanceof HeadwaterError) || error.code === 'USAGE';
  process.stderr.write(`stores: ${(error as Error).message}\n`);
  if (error instanceof HeadwaterError) for (const line of error.details) process.stderr.write(`  ${line}\n`);
  if (usage) process.stderr.write(`${USAGE}\n`);
  process.exitCode = usage ? 2 : 1;
}
