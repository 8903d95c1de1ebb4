import { Command } from 'commander';
import { configFile } from './support.ts';

export const command = new Command('stores').description('what the databases need for Headwater, as code');

for (const [name, description] of [
  ['plan', 'show what differs from what Headwater needs'],
  [
    'apply',
    'make it so: buckets, retention, tasks and tokens of InfluxDB; indexes of MongoDB and the connectors that fill it',
  ],
] as const) {
  command
    .command(name)
    .description(description)
    .option(
      '--config <file>',
      'the stores and how to reach them as an administrator (YAML: influx.url, influx.adminTokenFile, …)',
    )
    .addHelpText('after', `\nExamples:\n  headwater stores ${name}\n  headwater stores ${name} --config stores.yaml`)
    .action((options: { config?: string }) => run(name, options));
}

async function run(name: 'plan' | 'apply', options: { config?: string }): Promise<void> {
  const { loadStoresConfig, planStores } = await import('../hub/sinks/index.ts');
  const changes = await planStores(loadStoresConfig(configFile(options.config, 'stores')));
  for (const change of changes) {
    if (name === 'apply') await change.apply();
    process.stdout.write(`${change.text}\n`);
  }
  if (changes.length === 0) process.stdout.write('the stores are as Headwater needs them\n');
}
