import { Command } from 'commander';
import { HeadwaterError } from '../contract/index.ts';

const BENCHES: Record<string, () => Promise<{ run(args: string[]): Promise<void> }>> = {
  ingest: () => import('../bench/ingest.ts'),
  idle: () => import('../bench/idle.ts'),
  subscribe: () => import('../bench/subscribe.ts'),
  drain: () => import('../bench/drain.ts'),
  wear: () => import('../bench/wear.ts'),
  windows: () => import('../bench/windows.ts'),
  restart: () => import('../bench/restart.ts'),
  results: () => import('../bench/results.ts'),
  latency: () => import('../bench/latency.ts'),
  influx: () => import('../bench/influx.ts'),
};

export const command = new Command('bench')
  .description('measure, one JSON object a line; bench/README.md says what each figure means')
  .argument('<name>', `one of ${Object.keys(BENCHES).join(', ')}`)
  .argument('[settings...]', 'settings as name=value; see bench/README.md')
  .addHelpText('after', '\nExamples:\n  headwater bench ingest\n  headwater bench windows events=1000000')
  .action(async (name: string, settings: string[]) => {
    const load = BENCHES[name];
    if (!load)
      throw new HeadwaterError('USAGE', `there is no bench "${name}"; there are ${Object.keys(BENCHES).join(', ')}`);
    await (await load()).run(settings);
  });
