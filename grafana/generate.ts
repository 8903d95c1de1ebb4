import { writeFileSync } from 'node:fs';
import { gatewayDashboard } from './dashboards/gateway.ts';

// node_modules/.bin/node grafana/generate.ts writes the files that Grafana's provisioning reads.
writeFileSync(
  new URL('./generated/gateway.json', import.meta.url),
  `${JSON.stringify(gatewayDashboard(), undefined, 2)}\n`,
);
