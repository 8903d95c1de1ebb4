import { parseArgs } from 'node:util';
import { HeadwaterError } from '../../contract/index.ts';
import { ARCHITECTURES, type Architecture, buildPackages } from './index.ts';

const USAGE = `Usage: npm run package -- [--out DIR] [--arch x64|arm64]...
Builds the gateway's binaries and Debian packages into DIR (default: dist).`;

try {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: 'dist' },
      arch: { type: 'string', multiple: true },
      help: { type: 'boolean' },
    },
  });
  if (values.help) process.stdout.write(`${USAGE}\n`);
  else await buildPackages({ out: values.out, architectures: architectures(values.arch), onProgress: console.log });
} catch (error) {
  const usage = !(error instanceof HeadwaterError) || error.code === 'USAGE';
  process.stderr.write(`package: ${(error as Error).message}\n${usage ? `${USAGE}\n` : ''}`);
  process.exitCode = usage ? 2 : 1;
}

function architectures(asked: readonly string[] = ARCHITECTURES): Architecture[] {
  return asked.map((name) => {
    const found = ARCHITECTURES.find((known) => known === name);
    if (found === undefined) throw new HeadwaterError('USAGE', `there is no build for "${name}"`);
    return found;
  });
}
