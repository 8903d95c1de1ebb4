import { Command } from 'commander';
import { configFile, leaveWithin, openLog, stopSignal } from './support.ts';

export const command = new Command('gateway').description('the edge gateway: inputs, disk buffer, forwarder');

command
  .command('run')
  .description('run the gateway until it is stopped')
  .option('--config <file>', 'configuration (YAML)')
  .addHelpText('after', '\nExample:\n  headwater gateway run --config /etc/headwater/gateway.yaml')
  .action(async (options: { config?: string }) => {
    const file = configFile(options.config, 'gateway');
    const { loadGatewayConfig } = await import('../gateway/config/index.ts');
    const config = loadGatewayConfig(file);
    const { runGateway } = await import('../gateway/main.ts');
    const log = openLog('gateway');
    const stopped = stopSignal();
    const gateway = await runGateway(config, { log });
    log.info(gateway.addresses, 'listening');
    const why = await Promise.race([stopped, gateway.failed]);
    if (typeof why === 'string') log.info({ signal: why }, 'stopping');
    await gateway.close();
    leaveWithin(500);
    // Whoever supervises this process starts it again, and opening the buffer repairs it.
    if (typeof why !== 'string') throw why;
  });

command
  .command('check')
  .description('check a configuration without running it')
  .option('--config <file>', 'configuration (YAML)')
  .action(async (options: { config?: string }) => {
    const file = configFile(options.config, 'gateway');
    const { loadGatewayConfig } = await import('../gateway/config/index.ts');
    loadGatewayConfig(file);
    process.stdout.write(`${file} is good\n`);
  });

command
  .command('status')
  .description('how the running gateway is')
  .option('--config <file>', 'configuration (YAML) of the gateway to ask')
  .option('--json', 'as one JSON object')
  .action(async (options: { config?: string; json?: boolean }) => {
    const file = configFile(options.config, 'gateway');
    const { loadGatewayConfig } = await import('../gateway/config/index.ts');
    const { askStatus, describeStatus } = await import('../gateway/health/index.ts');
    const { host, port } = loadGatewayConfig(file).http;
    const status = await askStatus(`http://${host}:${port}`);
    process.stdout.write(options.json ? `${JSON.stringify(status)}\n` : `${describeStatus(status, Date.now())}\n`);
    if (status.health.state === 'failing') process.exitCode = 1;
  });
