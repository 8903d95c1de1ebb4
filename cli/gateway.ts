import { Command } from 'commander';
import { command as flash } from './gateway-flash.ts';
import { command as hashPassword } from './gateway-hash-password.ts';
import { configFile, leaveWithin, openLog, stopSignal } from './support.ts';

/** How long a gateway that is told to stop before it was ready may take to become it, and to close. */
const STOP_WITHIN_MS = 8_000;

export const command = new Command('gateway').description('the edge gateway: inputs, disk buffer, forwarder');

command
  .command('run')
  .description('run the gateway until it is stopped')
  .option('--config <file>', 'configuration (YAML)')
  .addHelpText(
    'after',
    '\nSIGHUP has it read the configuration again while it runs.\n\nExample:\n  headwater gateway run --config /etc/headwater/gateway.yaml',
  )
  .action(async (options: { config?: string }) => {
    const file = configFile(options.config, 'gateway');
    const stopped = stopSignal(['SIGINT', 'SIGTERM']);
    const { promise: running, resolve: started } = Promise.withResolvers<() => Promise<void>>();
    // Before anything that takes time: one that nobody waits for ends the process.
    process.on('SIGHUP', async () => (await running)());
    const { loadGatewayConfig } = await import('../gateway/config/index.ts');
    const config = loadGatewayConfig(file);
    const { reloadFrom, runGateway } = await import('../gateway/main.ts');
    const { serviceManager } = await import('../gateway/systemd/index.ts');
    const { forgetStart } = await import('../gateway/memory/index.ts');
    const log = openLog('gateway');
    const levelOf = ({ log }: typeof config) => process.env.HEADWATER_LOG ?? log.level;
    log.level = levelOf(config);
    const manager = serviceManager({ log });
    manager.starting();
    const starting = runGateway(config, { log });
    const gateway = await Promise.race([starting, stopped]);
    if (typeof gateway === 'string') {
      log.info({ signal: gateway }, 'stopping before it was ready');
      // A buffer that is open is closed in order, or it would look like another's. A repair or a bad disk may take minutes: the next start begins
      // anew, like after a power cut.
      leaveWithin(STOP_WITHIN_MS);
      await starting.then((its) => its.close()).catch(() => {});
      process.exit(0);
    }
    started(async () => {
      await manager.reloading();
      const next = await reloadFrom(file, gateway, log);
      if (next) log.level = levelOf(next);
      await manager.ready();
    });
    log.info(gateway.addresses, 'listening');
    await manager.ready();
    manager.watch(() => gateway.healthy());
    forgetStart();
    const why = await Promise.race([stopped, gateway.failed]);
    if (typeof why === 'string') log.info({ signal: why }, 'stopping');
    await manager.stopping();
    await gateway.close();
    leaveWithin(500);
    // Whoever supervises this process starts it again, and opening the buffer repairs it.
    if (typeof why !== 'string') throw why;
  });

command
  .command('check')
  .description('check a configuration, and the files it names, without running it')
  .option('--config <file>', 'configuration (YAML)')
  .action(async (options: { config?: string }) => {
    const file = configFile(options.config, 'gateway');
    const { loadGatewayConfig } = await import('../gateway/config/index.ts');
    const { checkFiles } = await import('../gateway/main.ts');
    await checkFiles(loadGatewayConfig(file));
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
    // A gateway that listens on all addresses is asked on this machine's own.
    const at = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
    const status = await askStatus(`http://${at.includes(':') ? `[${at}]` : at}:${port}`);
    process.stdout.write(options.json ? `${JSON.stringify(status)}\n` : `${describeStatus(status, Date.now())}\n`);
    if (status.health.state === 'failing') process.exitCode = 1;
  });

command.addCommand(flash);
command.addCommand(hashPassword);
