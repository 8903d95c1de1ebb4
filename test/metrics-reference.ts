import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { gatewayMetrics } from '../gateway/health/index.ts';
import { watchProcess } from '../hub/health/index.ts';
import { HUB_METRICS } from '../hub/main.ts';

// The reference of every metric, made from their declarations. `node test/metrics-reference.ts` writes it to docs/reference/metrics.md.

interface Row {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

/** The page docs/reference/metrics.md. */
export async function metricsReference(): Promise<string> {
  const of = (prefix: string) => HUB_METRICS.filter(({ name }) => name.startsWith(`headwater_${prefix}_`));
  const registry = new Registry();
  watchProcess(registry);
  const processes = (await registry.getMetricsAsJSON()).map(({ name }) => `\`${name}\``);
  return `${INTRODUCTION}
## The gateway

Under \`/metrics\` of its [\`http\`](gateway-settings.md) address, \`127.0.0.1:8790\` unless told otherwise.

${table(gatewayMetrics().families)}

## A hub

Under \`/metrics\` of the live page's address, \`127.0.0.1:8800\` unless told otherwise.

${table(of('hub'))}

## The platform, as every hub sees it

Each hub tells these about the whole platform, so with several hubs they must not be added up: use \`max by (…)\`. Totals go on over restarts; they begin anew when a hub's embedded store does.

${table(of('platform'))}

## Kafka, as every hub sees it

Asked every 30 s (\`health.askBrokers\` in the hub's configuration), of the topics that the hub's user may see. Absent while no broker answers.

${table(of('kafka'))}

## The process

The gateway and the hub both tell what Node and the system know of their process (memory, CPU, open files, the event loop, the garbage collector), by the names that
prom-client gives it. \`changes(process_start_time_seconds[1h])\` counts restarts, whatever supervises the process.

${processes.join(' · ')}
`;
}

const INTRODUCTION = `# Metrics

Every metric that the gateway and the hub tell Prometheus, made from their declarations (\`node test/metrics-reference.ts\`). [How to scrape them](../how-to/monitor.md).

- Counters end in \`_total\` and only grow while the process runs. Times are in seconds, sizes in bytes.
- Labels are of the configuration and the code only, so the number of series does not grow with devices or clients.
- What is not known is not told: a metric without a value is absent, not 0.
`;

function table(rows: readonly Row[]): string {
  const lines = rows.map(({ name, type, help, labels = [] }) => {
    const shown = labels.length === 0 ? '' : labels.map((label) => `\`${label}\``).join(', ');
    return `| \`${name}\` | ${type} | ${shown} | ${help.replaceAll('|', '\\|')} |`;
  });
  return ['| metric | type | labels | what it tells |', '|---|---|---|---|', ...lines].join('\n');
}

if (import.meta.main) {
  writeFileSync(join(import.meta.dirname, '../docs/reference/metrics.md'), await metricsReference());
  process.exit();
}
