import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { HeadwaterError } from '../../../contract/index.ts';
import { type InfluxApi, openInfluxApi } from './api.ts';
import { tasks } from './downsampling.ts';
import { isToken } from './token.ts';

const DAY = 86_400;
const file = z.string().min(1);
const bucket = (name: string, days: number) =>
  z.strictObject({ name: z.string().min(1).default(name), days: z.number().min(0).default(days) }).prefault({});

/** `influx` of the stores' configuration: how InfluxDB is reached as an administrator, and what shall be there. */
export const InfluxAdminConfig = z.strictObject({
  url: z.url({ protocol: /^https?$/, error: 'must be an address such as http://127.0.0.1:8086' }),
  org: z.string().min(1).default('headwater'),
  adminTokenFile: file.describe('File with an operator’s token.'),
  hubTokenFile: file.describe(
    'Where the hub’s token is written: it may write to the buckets `readings` and `results`, and nothing else.',
  ),
  grafanaTokenFile: file.describe('Where Grafana’s token is written: it may read the three buckets, and nothing else.'),
  buckets: z
    .strictObject({ readings: bucket('readings', 7), results: bucket('results', 30), hours: bucket('results-1h', 730) })
    .prefault({})
    .describe('Names, and for how many days each keeps its points; 0 keeps them for ever.'),
});
export type InfluxAdminConfig = z.output<typeof InfluxAdminConfig>;

/** Something that is not as it should be, and what makes it so. */
export interface StoreChange {
  /** A sentence such as `+ bucket results (30 days)`. */
  readonly text: string;
  apply(): Promise<void>;
}

type BucketKey = keyof InfluxAdminConfig['buckets'];
interface Permission {
  readonly action: 'read' | 'write';
  readonly bucket: BucketKey;
}

const TOKENS: readonly {
  readonly description: string;
  readonly file: (config: InfluxAdminConfig) => string;
  readonly may: readonly Permission[];
}[] = [
  {
    description: 'headwater hub',
    file: ({ hubTokenFile }) => hubTokenFile,
    may: [
      { action: 'write', bucket: 'readings' },
      { action: 'write', bucket: 'results' },
    ],
  },
  {
    description: 'headwater grafana',
    file: ({ grafanaTokenFile }) => grafanaTokenFile,
    may: (['readings', 'results', 'hours'] as const).map((of) => ({ action: 'read', bucket: of })),
  },
];

/**
 * What differs between an InfluxDB and what Headwater needs there: organisation, buckets and their retention, tasks that keep hours for long, tokens. The
 * changes must be applied in their order; what is there besides is left alone.
 * @throws HeadwaterError `INFLUX_ADMIN`, `CONFIG_MISSING`, `CONFIG_INVALID`
 */
export async function planInflux(config: InfluxAdminConfig): Promise<StoreChange[]> {
  const api = openInfluxApi(config.url, readToken(config.adminTokenFile));
  const changes: StoreChange[] = [];
  let orgId = await api.orgId(config.org);
  const org = async () => {
    orgId ??= await api.orgId(config.org);
    return orgId ?? '';
  };
  if (orgId === undefined) {
    changes.push({ text: `+ organisation ${config.org}`, apply: () => api.post('/orgs', { name: config.org }) });
  }

  const buckets = orgId === undefined ? [] : await api.buckets(orgId);
  for (const { name, days } of Object.values(config.buckets)) {
    const there = buckets.find((found) => found.name === name);
    const everySeconds = Math.round(days * DAY);
    const retentionRules = [{ type: 'expire', everySeconds, shardGroupDurationSeconds: shardOf(days) * DAY }];
    const kept = days === 0 ? 'for ever' : `${days} days`;
    if (there === undefined) {
      const apply = async () => api.post('/buckets', { orgID: await org(), name, retentionRules });
      changes.push({ text: `+ bucket ${name} (${kept})`, apply });
    } else if ((there.retentionRules[0]?.everySeconds ?? 0) !== everySeconds) {
      const apply = () => api.patch(`/buckets/${there.id}`, { retentionRules });
      changes.push({ text: `~ bucket ${name} keeps its points ${kept}`, apply });
    }
  }

  const { readings, results, hours } = config.buckets;
  const known = orgId === undefined ? [] : await api.tasks(orgId);
  for (const { name, flux } of tasks({ readings: readings.name, results: results.name }, hours.name)) {
    const there = known.find((task) => task.name === name);
    if (there === undefined) {
      changes.push({ text: `+ task ${name}`, apply: async () => api.post('/tasks', { orgID: await org(), flux }) });
    } else if (there.flux !== flux || there.status !== 'active') {
      const apply = () => api.patch(`/tasks/${there.id}`, { flux, status: 'active' });
      changes.push({ text: `~ task ${name}`, apply });
    }
  }
  changes.push(...(await planTokens(api, config, orgId, org)));
  return changes;
}

async function planTokens(
  api: InfluxApi,
  config: InfluxAdminConfig,
  orgId: string | undefined,
  org: () => Promise<string>,
): Promise<StoreChange[]> {
  const buckets = orgId === undefined ? [] : await api.buckets(orgId);
  const authorizations = orgId === undefined ? [] : await api.authorizations(orgId);
  return TOKENS.flatMap(({ description, file: fileOf, may }) => {
    const path = fileOf(config);
    const wanted = may
      .map(
        ({ action, bucket: key }) => `${action} ${buckets.find(({ name }) => name === config.buckets[key].name)?.id}`,
      )
      .sort();
    const good = authorizations.find(
      (one) => one.description === description && one.status === 'active' && sameText(permissionsOf(one), wanted),
    );
    const held = existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined;
    if (good !== undefined && held === good.token) return [];
    if (good?.token)
      return [{ text: `+ ${path}: token “${description}”`, apply: async () => writePrivate(path, good.token) }];
    const apply = async () => {
      const orgID = await org();
      const all = await api.buckets(orgID);
      const permissions = may.map(({ action, bucket: key }) => ({
        action,
        resource: { type: 'buckets', orgID, id: all.find(({ name }) => name === config.buckets[key].name)?.id },
      }));
      const { token } = await api.post<{ token: string }>('/authorizations', { orgID, description, permissions });
      writePrivate(path, token);
      // The old ones go when the new one is safe.
      for (const { id, description: name } of authorizations) {
        if (name === description) await api.delete(`/authorizations/${id}`);
      }
    };
    return [{ text: `+ token “${description}”, written to ${path}`, apply }];
  });
}

/** Points are kept and dropped by shards of so many days: as InfluxDB chooses by itself, but by a change of retention it would keep the old ones. */
const shardOf = (days: number) => (days === 0 || days > 180 ? 7 : days > 2 ? 1 : 1 / 24);

const permissionsOf = ({ permissions }: Awaited<ReturnType<InfluxApi['authorizations']>>[number]) =>
  permissions.map(({ action, resource }) => `${action} ${resource.id}`).sort();
const sameText = (a: readonly string[], b: readonly string[]) => a.join() === b.join();

function readToken(path: string): string {
  let token: string;
  try {
    token = readFileSync(path, 'utf8').trim();
  } catch (cause) {
    throw new HeadwaterError('CONFIG_MISSING', `the operator’s token cannot be read: ${(cause as Error).message}`, {
      cause,
    });
  }
  if (!isToken(token)) {
    throw new HeadwaterError(
      'CONFIG_INVALID',
      `${path} should hold the operator’s token and nothing else, in one line`,
    );
  }
  return token;
}

/** Only its owner can read it; a reader sees the old text or the new, never half of it. */
function writePrivate(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const partial = `${path}.${process.pid}.tmp`;
  writeFileSync(partial, `${text}\n`, { mode: 0o600 });
  renameSync(partial, path);
}
