import { join } from 'node:path';
import { type HeadwaterError, TOPICS } from '../contract/index.ts';
import pkg from '../package.json' with { type: 'json' };
import { openBuffer } from './buffer/index.ts';
import type { GatewayConfig } from './config/index.ts';
import { watchFiles } from './credentials/index.ts';
import { type ForwarderSettings, startForwarder } from './forwarder/index.ts';
import {
  doneWithin,
  type HealthServer,
  type Reporter,
  type Snapshot,
  startHealthServer,
  startReporter,
  takeSnapshot,
} from './health/index.ts';
import {
  configuredRules,
  Decoder,
  openClock,
  openIntake,
  plannedInputs,
  RunningInputs,
  synchronization,
} from './inputs/index.ts';
import { kafkaAccess } from './kafka-access.ts';
import { changedPaths, fixedChanges, type Reloaded, withoutFixed } from './reload.ts';

export { checkFiles } from './check.ts';
export { type Reloaded, reloadFrom } from './reload.ts';

const REPORT_EVERY_MS = 5_000;
const LOOK_AT_FILES_EVERY_MS = 10_000;
/** New connections show whether credentials still serve and what certificates the brokers have now, long before the old ones break. */
const RECONNECT_EVERY_MS = 86_400_000;
const HEALTHY_WITHIN_MS = 10_000;

export interface GatewayLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface Gateway {
  /** Where it listens: `http`, and each input that listens by its name. */
  readonly addresses: Readonly<Record<string, string>>;
  status(): Promise<Snapshot>;
  /** Whether this thread and the buffer's answer; false where that takes longer than `withinMs` (10 s unless given). For a watchdog. */
  healthy(withinMs?: number): Promise<boolean>;
  /**
   * Takes another configuration over as far as that can be done while it runs: buffer, sessions and unchanged inputs stay.
   * @throws HeadwaterError where a file that it names cannot be used; everything stays as it was then
   */
  reload(config: GatewayConfig): Promise<Reloaded>;
  /** Looks now whether credential files have changed, as it does by itself every 10 s. */
  checkFiles(): Promise<void>;
  /** Resolves when the buffer can serve no more; closing the gateway and running it again repairs that. */
  readonly failed: Promise<HeadwaterError>;
  /** Takes nothing more, syncs what it has, and ends within 10 s, also when Kafka is away. */
  close(): Promise<void>;
}

/**
 * Runs a gateway until it is closed. What opens first closes last, so that what an input hands over still finds the buffer.
 * @throws HeadwaterError where the configuration names what cannot be had: a secret, a folder, a port
 */
export async function runGateway(started: GatewayConfig, { log }: { readonly log: GatewayLog }): Promise<Gateway> {
  const { id, site } = started.gateway;
  const { dir, maxBytes, maxAge, whenFull, liveWithin } = started.buffer;
  const { trust, holdAtMost } = started.clock;
  const clock = await openClock(
    trust === 'always' ? undefined : { isSynchronized: synchronization(), file: join(dir, 'clock-set-in') },
  );
  let config = started;
  const inTurn = oneByOne();
  const closers: (() => Promise<void> | void)[] = [];
  const close = async () => {
    for (const end of closers.splice(0).reverse()) await end();
  };

  try {
    const kafka = kafkaAccess(config, clock.now);
    const waiting = waitForDisk(config, log);
    closers.push(() => waiting.close());
    const buffer = await openBuffer(
      { dir, maxBytes, maxAgeMs: maxAge, whenFull, liveWithinMs: liveWithin },
      { onTrouble: waiting.tell },
    );
    await waiting.close();
    closers.push(() => buffer.close());
    let reporter: Reporter | undefined;
    // After everything else, so that its last word is true.
    closers.push(() => reporter?.close());
    if (buffer.recovered !== null)
      log.warn({ recovered: buffer.recovered }, 'the buffer was repaired, or is not the one last used here');

    const forwarder = startForwarder({
      buffer,
      kafka: kafka.open,
      gateway: id,
      topic: TOPICS.raw.name,
      settings: forwarderSettings(config),
      log,
    });
    closers.push(() => forwarder.close());

    const decoder = new Decoder({ gateway: id, site, rules: configuredRules(config) });
    const intake = await openIntake({
      file: join(dir, 'held.jsonl'),
      clock,
      holdAtMostMs: holdAtMost,
      decoder,
      submit: (submission) => buffer.submit(submission),
      accepts: async () => (await buffer.status()).problem === null,
      isForwarding: () => forwarder.status().state === 'forwarding',
      log,
    });
    closers.push(() => intake.close());

    const inputs = new RunningInputs(intake.receive);
    closers.push(() => inputs.close());
    buffer.onRest((resting) => inputs.rest(resting));
    await inputs.start(plannedInputs(config, log));

    const since = clock.monotonic();
    let startedAt: number | undefined;
    /** Known when the clock is set; until then what it would have been by the clock as it is. */
    const startTime = () => {
      const by = startedAt ?? clock.now() - (clock.monotonic() - since);
      if (clock.isSet()) startedAt = by;
      return by;
    };
    const snapshot = () =>
      takeSnapshot({
        gateway: id,
        site,
        version: pkg.version,
        startedAt: startTime(),
        buffer,
        bufferDir: dir,
        maxBytes,
        forwarder,
        inputs: inputs.inputs,
        lostBefore: () => inputs.lostBefore,
        held: intake.held,
        framesLost: () => decoder.framesLost,
        deadLettersHeldBack: () => decoder.deadLettersHeldBack,
        rules: () => decoder.ruleCounts,
        certificates: [...kafka.certificates(), ...inputs.certificates],
        now: clock.now,
      });
    const server = await startHealthServer({ ...config.http, snapshot, onError: onHttpError(log) });
    closers.push(() => server.close());
    reporter = startReporter({ snapshot, kafka: kafka.open, everyMs: REPORT_EVERY_MS, log });

    const reconnect = () => {
      forwarder.reconnect();
      reporter?.reconnect();
    };
    const daily = setInterval(reconnect, RECONNECT_EVERY_MS).unref();
    closers.push(() => clearInterval(daily));
    const files = watchFiles({
      watched: () => [
        {
          what: 'the way to Kafka',
          files: kafkaFiles(config),
          renew: () => inTurn(async () => void (kafka.renew(config) && reconnect())),
        },
        ...inputs.plans.map(({ at, key, files }) => ({
          what: at,
          files,
          renew: () => inTurn(() => inputs.renew(key)),
        })),
      ],
      everyMs: LOOK_AT_FILES_EVERY_MS,
      log,
    });
    closers.push(() => files.close());

    return {
      get addresses() {
        const listening = inputs.inputs.flatMap(({ name, url }) => (url === undefined ? [] : [[name, url]]));
        return Object.fromEntries([['http', server.url], ...listening]);
      },
      status: snapshot,
      failed: buffer.failed,
      checkFiles: files.check,
      // After a reload under way, which would open inputs that nobody closes.
      close: () => inTurn(close),
      healthy: (withinMs = HEALTHY_WITHIN_MS) => doneWithin(withinMs, buffer.status()),
      reload: (next) =>
        inTurn(async () => {
          const wanted = withoutFixed(started, next);
          const changes = await inputs.apply(
            plannedInputs(wanted, log),
            () => {
              if (kafka.renew(wanted)) reconnect();
            },
            // Before the first message of an input that is to be read by them.
            () => {
              if (rulesOf(config) !== rulesOf(wanted)) decoder.useRules(configuredRules(wanted));
            },
          );
          forwarder.configure(forwarderSettings(wanted));
          const changed = changedPaths(config, wanted).filter((path) => !changes.needRestart.includes(path));
          config = wanted;
          return {
            changed,
            inputsStarted: changes.started,
            inputsClosed: changes.closed,
            needRestart: [...fixedChanges(started, next), ...changes.needRestart],
          };
        }),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

const onHttpError = (log: GatewayLog) => (err: Error) =>
  log.warn({ err }, 'a connection to the health port could not be taken');

/** While the disk does not let the buffer open, nothing listens for devices, which keep what they have; who asks for health is told why. */
function waitForDisk({ http }: GatewayConfig, log: GatewayLog) {
  let server: HealthServer | undefined;
  let trouble: HeadwaterError | undefined;
  return {
    async tell(error: HeadwaterError): Promise<void> {
      if (error.message !== trouble?.message) log.warn({ err: error }, `devices have to wait: ${error.message}`);
      trouble = error;
      server ??= await startHealthServer({
        ...http,
        snapshot: () => Promise.reject(trouble),
        onError: onHttpError(log),
      });
    },
    async close(): Promise<void> {
      await server?.close();
      server = undefined;
    },
  };
}

function forwarderSettings({ forwarder }: GatewayConfig): ForwarderSettings {
  const { backlogShare, batchBytes, linger } = forwarder;
  return { backlogShare, batchBytes, lingerMs: linger };
}

/** What the decoder's rules are made from, and a little more. */
function rulesOf({ inputs }: GatewayConfig): string {
  return JSON.stringify(inputs, (name, value) => (name === 'accounts' || name === 'tls' ? undefined : value));
}

function kafkaFiles({ kafka }: GatewayConfig): string[] {
  const { caFile, passwordFile, certFile, keyFile } = kafka;
  return [caFile, passwordFile, certFile, keyFile].filter((file) => file !== undefined);
}

/** Runs what it is given one after the other. */
function oneByOne(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  };
}
