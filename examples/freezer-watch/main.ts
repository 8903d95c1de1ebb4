import { join } from 'node:path';
import { kafkaOf, loadHubConfig } from '../../hub/config/index.ts';
import { watchFreezers } from './index.ts';

const dir = process.argv[2] ?? join(import.meta.dirname, '..', '..', '.headwater');
const limit = Number(process.argv[3] ?? -15);
const { page } = kafkaOf(loadHubConfig(join(dir, 'hub.yaml')));
await watchFreezers(
  { ...page, clientId: 'freezer-watch' },
  limit,
  ({ device, site, temperature }) => console.log(`${device} (${site}) is at ${temperature.toFixed(1)} Cel`),
  (error) => {
    console.error(`freezer-watch: ${error.message}`);
    process.exit(1);
  },
);
