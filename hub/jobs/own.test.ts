import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { desired } from '../topics/index.ts';
import { loadJobs, steps } from './index.ts';

const root = resolve(import.meta.dirname, '../..');
const dir = mkdtempSync(join(tmpdir(), 'headwater-jobs-'));
afterAll(() => rmSync(dir, { recursive: true }));

let files = 0;
/** A file of jobs with what every one of them imports. */
function write(text: string): string {
  const file = join(dir, `jobs-${files++}.ts`);
  const imports = `import { TOPICS, topic } from '${root}/contract/index.ts';
import { count, field, from, job, mean, replace } from '${root}/streams/core/index.ts';
const windows = (id, to, ms = 10_000) =>
  job(id, from(TOPICS.webRequests).windows({ by: { path: field('path') }, sizes: [{ ms, to }], select: { count: count() } }));
`;
  writeFileSync(file, imports + text);
  return file;
}
const load = (text: string) => loadJobs([write(text)]);

test('the jobs of a file run besides those of the hub, and their topics are made with them', async () => {
  const own = await load(`
    const rooms = topic('own.rooms', 'series', 'rooms');
    export const jobs = [windows('rooms', rooms), job('all', from(rooms, { time: field('windowEnd') }).into(TOPICS.anomalies))];`);
  expect(own.jobs.map(({ id }) => id)).toEqual(['rooms', 'all']);
  expect(own.windows).toMatchObject([{ topic: { name: 'own.rooms' }, by: ['path'], ms: 10_000 }]);
  expect(steps(own.jobs).map(({ id }) => id)).toEqual([...steps().map(({ id }) => id), 'rooms', 'all']);
  const names = desired(1, own).topics.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['own.rooms', 'hub.rooms.state', 'hub.all.state', 'iot.readings']));
  expect(names.filter((name) => name === 'own.rooms')).toHaveLength(1);
});

test.each([
  ['has no jobs', 'export const job = 1;', 'JOBS_INVALID', /exports no jobs.*export const jobs/],
  ['has something else', 'export const jobs = [{}];', 'JOBS_INVALID', /exports no jobs/],
  ['does not parse', 'export const jobs = [;', 'JOBS_INVALID', /jobs-\d+\.ts: it cannot be loaded/],
  [
    'fails when it is loaded',
    'throw new Error("no such room");',
    'JOBS_INVALID',
    /cannot be loaded: Error: no such room/,
  ],
  [
    'declares what cannot be',
    "export const jobs = [windows('w', topic('own.w', 's', ''), 0)];",
    'JOB_INVALID',
    /jobs-\d+\.ts: Job w, windows\(path\): ms is 0/,
  ],
  [
    'writes where it has no right',
    "export const jobs = [windows('w', topic('rooms', 's', ''))];",
    'JOBS_INVALID',
    /rooms: .*must begin with "own\."/,
  ],
  [
    'cannot be called so',
    "export const jobs = [windows('my job', topic('own.w', 's', ''))];",
    'JOBS_INVALID',
    /"my job" cannot be the name/,
  ],
  [
    'has a name that Kafka does not take',
    "export const jobs = [windows('a:b', topic('own.w', 's', ''))];",
    'JOBS_INVALID',
    /"a:b" cannot be the name of a job/,
  ],
  [
    'has a topic that Kafka does not take',
    "export const jobs = [windows('w', topic('own.räume', 's', ''))];",
    'JOBS_INVALID',
    /job w: "own\.räume" cannot be the name of a topic/,
  ],
  [
    'has a repartition topic that Kafka does not take',
    "export const jobs = [job('w', from(TOPICS.webRequests).keyBy('my path', field('path')).into(topic('own.w', 's', '')))];",
    'JOBS_INVALID',
    /"hub\.w\.by-my path" cannot be the name of a topic: a keyBy/,
  ],
  [
    'has a pattern that is none',
    "export const jobs = [job('w', from(TOPICS.webRequests).derive({ path: replace(field('path'), '(', '') }).into(topic('own.w', 's', '')))];",
    'JOBS_INVALID',
    /job w is not declared as it should be \(tsc shows where\): .*Unterminated group/,
  ],
  [
    'has a flow where a plan should be',
    "export const jobs = [job('w', from(TOPICS.webRequests))];",
    'JOBS_INVALID',
    /job w is not declared as it should be/,
  ],
  [
    'has no such topic',
    "export const jobs = [windows('w', TOPICS.rooms)];",
    'JOBS_INVALID',
    /job w is not declared as it should be/,
  ],
  [
    'wants other partitions',
    "export const jobs = [windows('w', topic('own.w', 's', '', undefined, { partitions: 2 }))];",
    'JOBS_INVALID',
    /has 2 partitions/,
  ],
  [
    'declares a topic twice',
    "export const jobs = [windows('a', topic('own.w', 's', '')), windows('b', topic('own.w', 'other', ''))];",
    'JOBS_INVALID',
    /declared twice, and differently/,
  ],
  [
    'writes windows of two jobs to one topic',
    "const w = topic('own.w', 's', ''); export const jobs = [windows('a', w), windows('b', w)];",
    'JOBS_INVALID',
    /two jobs go to own\.w/,
  ],
])('a file that %s is refused, and told why', async (_, text, code, message) => {
  await expect(load(text)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});

test('a file that is not there is named', async () => {
  await expect(loadJobs([join(dir, 'nowhere.ts')])).rejects.toMatchObject({
    code: 'JOBS_MISSING',
    message: expect.stringContaining(join(dir, 'nowhere.ts')),
  });
});

test('a job called like one of the hub is refused', async () => {
  const own = await load("export const jobs = [windows('readings', topic('own.w', 's', ''))];");
  expect(() => steps(own.jobs)).toThrow(/two jobs are called readings/);
});
