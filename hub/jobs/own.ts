import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { ALL_TOPICS, HeadwaterError, OWN_TOPICS, PARTITIONS, type Topic } from '../../contract/index.ts';
import { compile, type Job, type JobTopics, topicsOf, type WindowTopic } from '../../streams/core/index.ts';

/** What Kafka lets a topic be called; jobs' and repartitionings' names become part of one. */
const PART = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const TOPIC = /^[A-Za-z0-9._-]{1,249}$/;
const CHARACTERS = 'Use letters, digits, ., - and _';

/** Jobs that somebody added to a hub. */
export interface OwnJobs {
  readonly jobs: readonly Job[];
  /** Topics of theirs that are not in the catalogue. */
  readonly topics: readonly Topic[];
  /** Where windows go that the live page shows. */
  readonly windows: readonly WindowTopic[];
}

export const NO_OWN_JOBS: OwnJobs = { jobs: [], topics: [], windows: [] };

/**
 * Loads TypeScript files, each of which exports its jobs as an array `jobs`.
 * @throws HeadwaterError `JOBS_MISSING` where there is no such file, `JOBS_INVALID` where it cannot be used, `JOB_INVALID` where a declaration is wrong
 */
export async function loadJobs(files: readonly string[]): Promise<OwnJobs> {
  const jobs: Job[] = [];
  const topics = new Map<string, Topic>();
  const windows: WindowTopic[] = [];
  for (const file of files) {
    for (const job of await jobsOf(file)) {
      const used = check(file, job);
      for (const topic of [...used.read, ...used.written].filter((one) => !isInCatalogue(one))) {
        if (!isDeepStrictEqual(topics.get(topic.name) ?? topic, topic))
          throw invalid(
            file,
            `the topic ${topic.name} is declared twice, and differently. Declare it once and import it`,
          );
        topics.set(topic.name, topic);
      }
      jobs.push(job);
      windows.push(...used.windows.filter(({ topic }) => !isInCatalogue(topic)));
    }
  }
  const written = windows.map(({ topic }) => topic.name);
  const twice = written.find((name, i) => written.indexOf(name) < i);
  if (twice !== undefined)
    throw invalid(files.join(', '), `windows of two jobs go to ${twice}, where they could not be told apart`);
  return { jobs, topics: [...topics.values()], windows };
}

const invalid = (file: string, what: string, cause?: unknown) =>
  new HeadwaterError('JOBS_INVALID', `${file}: ${what}`, { cause });

const misnamed = (file: string, what: string, kind: string) =>
  invalid(file, `${what} cannot be the name of ${kind}. ${CHARACTERS}`);

const isInCatalogue = (topic: Topic) => ALL_TOPICS.includes(topic);

async function jobsOf(file: string): Promise<readonly Job[]> {
  const path = resolve(file);
  if (!existsSync(path)) throw new HeadwaterError('JOBS_MISSING', `there is no file ${path} to load jobs from`);
  let module: { readonly jobs?: unknown };
  try {
    module = await import(pathToFileURL(path).href);
  } catch (cause) {
    throw invalid(file, `it cannot be loaded: ${String(cause)}`, cause);
  }
  const { jobs } = module;
  if (!Array.isArray(jobs) || jobs.length === 0 || !jobs.every(isJob))
    throw invalid(file, 'it exports no jobs. Add: export const jobs = [job(…)]');
  return jobs;
}

function isJob(value: unknown): value is Job {
  return typeof value === 'object' && value !== null && 'id' in value && 'plans' in value;
}

function check(file: string, job: Job): JobTopics {
  if (!PART.test(job.id)) throw misnamed(file, `"${job.id}"`, 'a job: topics are called by it');
  try {
    for (const step of compile(job)) {
      for (const { name } of step.internal)
        if (!TOPIC.test(name)) throw misnamed(file, `job ${job.id}: "${name}"`, 'a topic: a keyBy is part of it');
      // An expression or an aggregate that cannot be shows when a task is made of it.
      step.createTask(0);
    }
  } catch (cause) {
    if (cause instanceof HeadwaterError && cause.code === 'JOBS_INVALID') throw cause;
    if (cause instanceof HeadwaterError) throw new HeadwaterError(cause.code, `${file}: ${cause.message}`, { cause });
    // Files are run without looking at their types.
    throw invalid(file, `job ${job.id} is not declared as it should be (tsc shows where): ${String(cause)}`, cause);
  }
  const used = topicsOf(job);
  for (const topic of [...used.read, ...used.written]) {
    if (isInCatalogue(topic)) continue;
    const where = `job ${job.id}, topic ${topic.name}`;
    if (!TOPIC.test(topic.name)) throw misnamed(file, `job ${job.id}: "${topic.name}"`, 'a topic');
    if (!topic.name.startsWith(OWN_TOPICS))
      throw invalid(file, `${where}: it is not in the catalogue, so its name must begin with "${OWN_TOPICS}"`);
    if (topic.partitions !== PARTITIONS)
      throw invalid(file, `${where}: it has ${topic.partitions} partitions; topics that jobs share have ${PARTITIONS}`);
  }
  return used;
}
