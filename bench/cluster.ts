import { fork } from 'node:child_process';
import type { Topic } from '../contract/index.ts';
import { provision } from '../hub/topics/index.ts';
import { startTestKafka } from '../infra/local/index.ts';
import type { KafkaSettings } from '../kafka/index.ts';

export interface BenchCluster {
  as(user: string): KafkaSettings;
  close(): Promise<void>;
}

/** A broker of its own with all topics and rights, and what a bench needs besides. */
export async function startBenchCluster(extra: readonly Topic[] = []): Promise<BenchCluster> {
  const kafka = await startTestKafka({ heapMb: 512 });
  const as = (username: string): KafkaSettings => ({
    brokers: kafka.bootstrap,
    clientId: `bench-${username}`,
    ca: kafka.ca,
    username,
    password: kafka.users.get(username)!.password,
  });
  await provision(as('admin'), 1, extra);
  return { as, close: () => kafka.close() };
}

interface ProcessOptions {
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs a file of this folder as a process of its own, so that its CPU time is its own, and gives back what it answers to `message`. `how`: flags of
 * Node and an environment besides this process's own.
 */
export async function inProcess<T>(file: string, message: unknown, how: ProcessOptions = {}): Promise<T> {
  const execArgv = [...process.execArgv, ...(how.flags ?? [])];
  const env = { ...process.env, ...how.env };
  const child = fork(new URL(file, import.meta.url), { execArgv, env, serialization: 'advanced' });
  try {
    child.send(message as object);
    return await new Promise<T>((resolve, reject) => {
      child.once('message', (answer) => resolve(answer as T));
      child.once('exit', (code) => reject(new Error(`${file} ended with exit code ${code}`)));
    });
  } finally {
    child.removeAllListeners();
    if (child.exitCode === null) {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await exited;
    }
  }
}
