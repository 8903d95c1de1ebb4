import { execFileSync, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { headwater } from '../cli/support.ts';
import { HeadwaterError } from '../contract/index.ts';
import {
  findMosquitto,
  freePorts,
  type Mosquitto,
  openAuthority,
  type RunningProcess,
  startMosquitto,
  startProcess,
} from '../infra/local/index.ts';
import { inProcess } from './cluster.ts';
import type { Load } from './mqtt-load.ts';
import { SUBSCRIBER_ID, type Subscriber, type SubscriberAnswer } from './mqtt-subscriber.ts';
import { print, readSettings, round } from './settings.ts';

/** An MQTT session has no more packet ids: with more messages waiting mosquitto sends some of them twice. */
const MAX_BACKLOG = 60_000;
/** Unacknowledged messages that the other subscribers let the broker have, as many as the gateway does. */
const RECEIVE_MAXIMUM = 2_000;

interface Settings {
  readonly messages: number;
  readonly clients: number;
  readonly window: number;
  /** 1: broker and senders have a core of their own, and the subscriber another. */
  readonly apart: number;
}

interface Figures {
  readonly messagesPerSecond: number;
  readonly cpuSeconds: number;
  readonly rssMb: number;
}

/**
 * QoS 1 from mosquitto through a gateway's disk, and to two subscribers that keep nothing: turn about, same broker, same load. First while the
 * load comes, then with all of it waiting at the broker, where nobody but broker and subscriber needs the cores. With `apart=1` as if the broker were
 * another machine: what the subscriber costs takes nothing from it.
 */
export async function run(args: string[]): Promise<void> {
  const { rounds, ...asked } = readSettings(args, {
    messages: 1_000_000,
    clients: 10,
    window: 500,
    apart: 0,
    rounds: 3,
  });
  // Broker and senders are started from here, so theirs is the same.
  if (asked.apart) keepTo(OTHERS_CORE, process.pid);
  const program = findMosquitto('mosquitto_sub');
  if (program === undefined) {
    throw new HeadwaterError(
      'PROGRAM_MISSING',
      'mosquitto_sub is not installed: apt install mosquitto mosquitto-clients',
    );
  }
  const dir = mkdtempSync(join(tmpdir(), 'headwater-bench-'));
  const broker = await startMosquitto({
    dir: join(dir, 'mosquitto'),
    settings: ['max_queued_messages 0', 'set_tcp_nodelay true'],
  });
  try {
    for (const backlog of [false, true]) {
      const settings = { ...asked, messages: backlog ? Math.min(asked.messages, MAX_BACKLOG) : asked.messages };
      const ours: Figures[] = [];
      const node: number[] = [];
      const c: number[] = [];
      for (let n = 0; n < rounds; n++) {
        node.push(await toSubscriber(program, broker, settings, backlog));
        ours.push(await toGateway(program, broker, settings, backlog, join(dir, `${backlog}-${n}`)));
        c.push(await toMosquittoSub(program, broker, settings, backlog));
      }
      const { messagesPerSecond, cpuSeconds, rssMb } = best(ours, (its) => its.messagesPerSecond);
      const keepsNothing = best(node, (its) => its);
      print({
        bench: 'subscribe',
        load: backlog ? 'backlog' : 'live',
        messagesPerSecond: Math.round(messagesPerSecond),
        keepsNothingMessagesPerSecond: Math.round(keepsNothing),
        share: round(messagesPerSecond / keepsNothing, 2),
        mosquittoSubMessagesPerSecond: Math.round(best(c, (its) => its)),
        cpuSeconds: round(cpuSeconds, 2),
        microsecondsPerMessage: round((cpuSeconds / settings.messages) * 1e6, 1),
        rssMb: Math.round(rssMb),
        ...settings,
        rounds,
      });
    }
  } finally {
    await broker.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

const [OTHERS_CORE, SUBSCRIBERS_CORE] = [0, 1];

/** All threads of a process run on this core from now on. */
function keepTo(core: number, pid: number): void {
  execFileSync('taskset', ['-a', '-c', '-p', `${core}`, `${pid}`], { stdio: 'ignore' });
}

/** The quickest of the rounds: what else runs on the machine can only slow one down. */
const best = <T>(values: readonly T[], by: (value: T) => number): T => values.toSorted((a, b) => by(b) - by(a))[0]!;

const send = (broker: Mosquitto, settings: Settings) =>
  inProcess('./mqtt-load.ts', { port: broker.port, username: 'bench', password: 'bench', ...settings } satisfies Load);

/** A session that is left behind goes on collecting messages, which costs the broker as much as delivering them. */
async function endSession(program: string, broker: Mosquitto, id: string): Promise<void> {
  await once(spawn(program, ['-p', `${broker.port}`, '-i', id, '-t', 'none', '-E'], { stdio: 'ignore' }), 'exit');
}

async function toSubscriber(program: string, broker: Mosquitto, settings: Settings, backlog: boolean): Promise<number> {
  const open = async () => {
    const child = fork(new URL('./mqtt-subscriber.ts', import.meta.url), { execArgv: process.execArgv });
    if (settings.apart) keepTo(SUBSCRIBERS_CORE, child.pid!);
    const { messages, clients } = settings;
    const order: Subscriber = { port: broker.port, messages, clients, receiveMaximum: RECEIVE_MAXIMUM };
    const done = new Promise<SubscriberAnswer>((resolve) => {
      child.on('message', (message: 'subscribed' | SubscriberAnswer) => message !== 'subscribed' && resolve(message));
    });
    child.send(order);
    await once(child, 'message');
    return { child, done };
  };
  let subscriber = await open();
  if (backlog) {
    subscriber.child.kill();
    await send(broker, settings);
    subscriber = await open();
  } else {
    await send(broker, settings);
  }
  const { seconds } = await subscriber.done;
  subscriber.child.kill();
  await endSession(program, broker, SUBSCRIBER_ID);
  return settings.messages / seconds;
}

async function toMosquittoSub(
  program: string,
  broker: Mosquitto,
  settings: Settings,
  backlog: boolean,
): Promise<number> {
  const id = 'mosquitto-sub';
  const session = ['-V', '5', '-p', `${broker.port}`, '-i', id, '-q', '1', '-t', 'devices/#', '-c', '-x', '600'];
  const run = async (more: string[]) => {
    const child = spawn(program, [...session, ...more], { stdio: 'ignore' });
    if (settings.apart) keepTo(SUBSCRIBERS_CORE, child.pid!);
    const [code] = await once(child, 'exit');
    if (code !== 0) throw new HeadwaterError('PROCESS_ENDED', `mosquitto_sub ended with exit code ${code}`);
  };
  // `-E`: subscribes, and leaves the session behind.
  await run(['-E']);
  if (backlog) await send(broker, settings);
  const startedAt = performance.now();
  const done = run(['-C', `${settings.messages}`, '-D', 'connect', 'receive-maximum', `${RECEIVE_MAXIMUM}`]);
  if (!backlog) await send(broker, settings);
  await done;
  const seconds = (performance.now() - startedAt) / 1_000;
  await endSession(program, broker, id);
  return settings.messages / seconds;
}

async function toGateway(
  program: string,
  broker: Mosquitto,
  settings: Settings,
  backlog: boolean,
  dir: string,
): Promise<Figures> {
  const [httpPort, nobody] = (await freePorts(2)) as [number, number];
  const authority = await openAuthority(dir);
  const config = join(dir, 'gateway.yaml');
  writeFileSync(join(dir, 'password'), 'bench', { mode: 0o600 });
  const mqttClients = [{ name: 'bench', url: broker.url, clientId: dir, topics: [{ filter: 'devices/#' }] }];
  writeFileSync(
    config,
    stringify({
      gateway: { id: 'bench', site: 'bench' },
      buffer: { dir: join(dir, 'buffer') },
      // Kafka is away: what is measured ends at the disk.
      kafka: { brokers: [`127.0.0.1:${nobody}`], caFile: authority.caPath, passwordFile: join(dir, 'password') },
      inputs: { mqttClients },
      http: { port: httpPort },
    }),
  );
  const start = async () => {
    const started = await startProcess({
      name: 'gateway',
      ...headwater(['gateway', 'run', '--config', config]),
      readyWhen: (line) => line.includes('"msg":"listening"'),
    });
    if (settings.apart) keepTo(SUBSCRIBERS_CORE, started.pid);
    return started;
  };
  let gateway: RunningProcess = await start();
  try {
    let before = await figures(httpPort);
    while (!before.subscribed) before = await figures(httpPort);
    if (backlog) {
      await gateway.stop();
      await send(broker, settings);
      gateway = await start();
    }
    const sent = backlog ? undefined : send(broker, settings);
    // From the first messages to the last, as with the others.
    let first = before;
    while (first.acknowledged === 0) first = await figures(httpPort);
    // Not asked meanwhile: each answer takes milliseconds of the gateway, and nobody asks the other subscribers.
    await sent;
    let after = await figures(httpPort);
    while (after.acknowledged < settings.messages) after = await figures(httpPort);
    const seconds = (after.at - first.at) / 1_000;
    await gateway.rss();
    return {
      messagesPerSecond: (after.acknowledged - first.acknowledged) / seconds,
      cpuSeconds: after.cpuSeconds - (backlog ? 0 : before.cpuSeconds),
      rssMb: gateway.peakRss(),
    };
  } finally {
    await gateway.stop();
    await endSession(program, broker, dir);
  }
}

async function figures(port: number) {
  await sleep(50);
  const get = async (path: string) => (await fetch(`http://127.0.0.1:${port}/${path}`)).text();
  const at = performance.now();
  const [metrics, status] = await Promise.all([get('metrics'), get('status')]);
  const value = (name: string) => Number(new RegExp(`^${name}(?:{[^}]*})? (\\S+)`, 'm').exec(metrics)?.[1]);
  return {
    at,
    subscribed: status.includes('"state":"ok"'),
    acknowledged: value('headwater_gateway_readings_acknowledged_total'),
    cpuSeconds: value('process_cpu_seconds_total'),
  };
}
