import { HeadwaterError } from '../../../contract/index.ts';
import type { StoreChange } from '../influx/admin.ts';
import type { ConnectClient } from './connect.ts';
import type { ConnectorConfig } from './connectors.ts';

/**
 * What Connect does not run as it should: connectors that are missing, differ, or were paused or stopped by somebody. Other connectors are left alone.
 * @throws HeadwaterError `CONNECTORS_INVALID` with all that the running worker finds wrong, `CONNECT_SILENT` or `CONNECT_REFUSED`
 */
export async function planConnectors(
  client: ConnectClient,
  configs: ReadonlyMap<string, ConnectorConfig>,
): Promise<StoreChange[]> {
  const statuses = await client.statuses();
  const changes: StoreChange[] = [];
  const wanted: ConnectorConfig[] = [];
  for (const [name, config] of configs) {
    const present = await client.config(name);
    const differs = present === undefined ? [] : differences(present, config);
    if (present === undefined || differs.length > 0) {
      wanted.push(config);
      const text = present === undefined ? `+ connector ${name}` : `~ connector ${name}: ${differs.join(', ')}`;
      changes.push({ text, apply: () => client.put(name, config) });
    }
    const state = statuses.get(name)?.connector.state;
    if (state === 'PAUSED' || state === 'STOPPED') {
      changes.push({
        text: `~ connector ${name}: it was ${state.toLowerCase()} and goes on`,
        apply: () => client.resume(name),
      });
    }
  }
  await validate(client, wanted);
  return changes;
}

async function validate(client: ConnectClient, configs: readonly ConnectorConfig[]): Promise<void> {
  const found = await Promise.all(
    configs.map(async (config) => (await client.problems(config)).map((problem) => `${config.name}: ${problem}`)),
  );
  const details = found.flat();
  if (details.length === 0) return;
  throw new HeadwaterError('CONNECTORS_INVALID', 'Kafka Connect does not take the connectors’ configurations', {
    details,
    // The worker looks for the database too, and one that is away is no mistake.
    retryable: true,
  });
}

/** Names of settings. */
function differences(a: ConnectorConfig, b: ConnectorConfig): string[] {
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
  return keys.filter((key) => a[key] !== b[key]);
}
