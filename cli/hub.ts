import { Command } from 'commander';
import { configFile, leaveWithin, openLog, stopSignal } from './support.ts';

export const command = new Command('hub').description('the analytics hub: sources, jobs, results and the live page');

command
  .command('run')
  .description('run the hub until it is stopped')
  .option('--config <file>', 'configuration (YAML)')
  .option(
    '--reset-step <ids...>',
    'forget the state of these steps first and compute them anew; no other hub may run them meanwhile',
  )
  .addHelpText('after', '\nExample:\n  headwater hub run --config /etc/headwater/hub.yaml')
  .action(async (options: { config?: string; resetStep?: string[] }) => {
    const file = configFile(options.config, 'hub');
    const { loadHubConfig } = await import('../hub/config/index.ts');
    const config = loadHubConfig(file);
    const { runHub } = await import('../hub/main.ts');
    const log = openLog('hub');
    if (options.resetStep) {
      const [{ kafkaOf }, { loadJobs, resetSteps, steps }] = await Promise.all([
        import('../hub/config/index.ts'),
        import('../hub/jobs/index.ts'),
      ]);
      await resetSteps(options.resetStep, steps((await loadJobs(config.jobs)).jobs), kafkaOf(config).hub);
    }
    const stopped = stopSignal();
    const hub = await runHub(config, log);
    log.info({ page: hub.page }, 'listening');
    log.info({ signal: await stopped }, 'stopping');
    // What is not committed by then is computed again at the next start.
    leaveWithin(9_000);
    await hub.close();
    leaveWithin(500);
  });

command
  .command('check')
  .description('check a configuration without running it')
  .option('--config <file>', 'configuration (YAML)')
  .action(async (options: { config?: string }) => {
    const file = configFile(options.config, 'hub');
    const { kafkaOf, loadHubConfig } = await import('../hub/config/index.ts');
    const config = loadHubConfig(file);
    kafkaOf(config);
    const { loadJobs, steps } = await import('../hub/jobs/index.ts');
    steps((await loadJobs(config.jobs)).jobs);
    const { openChannel } = await import('../hub/alerts/index.ts');
    for (const channel of config.alerts.channels) openChannel(channel);
    const { connectSettings } = await import('../hub/sinks/index.ts');
    if (config.stores.connect) connectSettings(config.stores.connect);
    process.stdout.write(`${file} is good\n`);
  });
