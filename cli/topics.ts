import { Command } from 'commander';
import type { Change } from '../kafka/index.ts';
import { configFile } from './support.ts';

export const command = new Command('topics').description('topics and access rights as code');

interface Options {
  config?: string;
  jobs?: string[];
  replication?: string;
  json?: boolean;
}

for (const [name, description] of [
  ['plan', 'show what differs between a cluster and the catalogue'],
  ['apply', 'make a cluster as the catalogue says'],
] as const) {
  command
    .command(name)
    .description(description)
    .option(
      '--config <file>',
      'how to reach the cluster as admin (YAML: kafka.brokers, caFile, username, passwordFile)',
    )
    .option('--replication <n>', 'replicas of each topic; as many as there are brokers, at most 3, unless given')
    .option('--jobs <files...>', 'files with jobs of your own, whose topics are wanted too')
    .option('--json', 'one JSON object a line')
    .addHelpText(
      'after',
      `\nExamples:\n  headwater topics ${name}\n  headwater topics ${name} --config admin.yaml --replication 3`,
    )
    .action((options: Options) => run(name, options));
}

async function run(name: 'plan' | 'apply', options: Options): Promise<void> {
  const [{ loadJobs }, { desired, loadAdminConfig }, { applyPlan, openAdmin, planChanges }] = await Promise.all([
    import('../hub/jobs/index.ts'),
    import('../hub/topics/index.ts'),
    import('../kafka/index.ts'),
  ]);
  const own = await loadJobs(options.jobs ?? []);
  const settings = loadAdminConfig(configFile(options.config, 'admin'));
  const admin = await openAdmin(settings);
  try {
    const replication = options.replication ? Number(options.replication) : await admin.suggestedReplication();
    const wanted = desired(replication, own);
    const changes = await planChanges(admin, wanted);
    for (const change of changes) process.stdout.write(`${options.json ? JSON.stringify(change) : sentence(change)}\n`);
    if (changes.length === 0 && !options.json) process.stdout.write('the cluster is as the catalogue says\n');
    if (name === 'apply') await applyPlan(admin, wanted, changes);
  } finally {
    await admin.close();
  }
}

function sentence(change: Change): string {
  switch (change.kind) {
    case 'create':
      return `+ topic ${change.topic.name} (${change.topic.partitions} partitions): ${change.topic.description}`;
    case 'configure':
      return `~ topic ${change.topic.name}: ${change.name} from ${change.from || 'unset'} to ${change.to}`;
    case 'partitions':
      return `~ topic ${change.topic.name}: partitions from ${change.from} to ${change.to}`;
    case 'refused':
      return `! ${change.reason}`;
    case 'grant':
    case 'revoke': {
      const { right, user } = change;
      const what = `${right.operations.join(', ')} on ${right.resource} ${right.name}${right.pattern === 'prefixed' ? '*' : ''}`;
      return `${change.kind === 'grant' ? '+' : '-'} ${user} may ${what}`;
    }
  }
}
