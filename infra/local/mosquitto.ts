import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from './process/ports.ts';
import { type RunningProcess, startProcess } from './process/process.ts';

export interface MosquittoOptions {
  /** Folder of its own: configuration, passwords and what it keeps across restarts. */
  readonly dir: string;
  /** User name → password; without any, everybody may connect. */
  readonly users?: Readonly<Record<string, string>>;
  /** Paths of PEM files; with them it speaks TLS only. */
  readonly tls?: {
    readonly caPath: string;
    readonly certPath: string;
    readonly keyPath: string;
    /** Clients must have a certificate of that authority. */
    readonly askForCertificate?: boolean;
  };
  /** Further lines of its configuration. */
  readonly settings?: readonly string[];
}

/** A real broker on a free port of 127.0.0.1 that keeps sessions and messages on disk. */
export interface Mosquitto {
  readonly port: number;
  /** `mqtts://localhost:…` or `mqtt://127.0.0.1:…`. */
  readonly url: string;
  readonly pid: number;
  /** SIGHUP: reads its password file again. */
  setUsers(users: Readonly<Record<string, string>>): void;
  /** Has what it holds in memory written to disk; resolves when it is. */
  save(): Promise<void>;
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again where it ended, with what it kept. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Path of a program of mosquitto's packages, undefined where it is not installed. */
export function findMosquitto(
  program: 'mosquitto' | 'mosquitto_sub' | 'mosquitto_pub' | 'mosquitto_passwd',
): string | undefined {
  // Debian has the broker where only root's PATH looks.
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/opt/homebrew/sbin'];
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}

/** @throws where mosquitto is not installed or does not start */
export async function startMosquitto({ dir, users, tls, settings = [] }: MosquittoOptions): Promise<Mosquitto> {
  const [port] = (await freePorts(1)) as [number];
  const passwords = join(dir, 'passwords');
  const config = join(dir, 'mosquitto.conf');
  mkdirSync(dir, { recursive: true });
  const writeUsers = (its: Readonly<Record<string, string>>) => {
    writeFileSync(passwords, '', { mode: 0o600 });
    for (const [user, password] of Object.entries(its)) {
      execFileSync(findMosquitto('mosquitto_passwd') ?? 'mosquitto_passwd', ['-b', passwords, user, password], {
        stdio: 'pipe',
      });
    }
  };
  if (users) writeUsers(users);
  const lines = [
    `listener ${port} 127.0.0.1`,
    // Started by root it would become a user that cannot read these files.
    `user ${userInfo().username}`,
    users ? `password_file ${passwords}\nallow_anonymous false` : 'allow_anonymous true',
    ...(tls ? [`cafile ${tls.caPath}`, `certfile ${tls.certPath}`, `keyfile ${tls.keyPath}`] : []),
    ...(tls?.askForCertificate ? ['require_certificate true', 'use_identity_as_username true'] : []),
    `persistence true\npersistence_location ${dir}/`,
    'log_dest stderr\nlog_type error\nlog_type warning\nlog_type notice\nlog_type information',
    ...settings,
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);

  // It writes a new file and gives it the name of the old one.
  const lastSave = () => statSync(join(dir, 'mosquitto.db'), { throwIfNoEntry: false })?.ino;
  let running: RunningProcess;
  const start = async () => {
    running = await startProcess({
      name: 'mosquitto',
      command: findMosquitto('mosquitto') ?? 'mosquitto',
      args: ['-c', config],
      readyWhen: (line) => / running$/.test(line),
    });
  };
  await start();
  return {
    port,
    url: tls ? `mqtts://localhost:${port}` : `mqtt://127.0.0.1:${port}`,
    get pid() {
      return running.pid;
    },
    setUsers(its) {
      writeUsers(its);
      running.kill('SIGHUP');
    },
    async save() {
      const before = lastSave();
      running.kill('SIGUSR1');
      while (lastSave() === before) await sleep(10);
    },
    async kill(signal = 'SIGKILL') {
      running.kill(signal);
      await running.exited;
    },
    start,
    async stop() {
      await running.stop();
    },
  };
}
