export { doneWithin } from './alive.ts';
export { askStatus, describeStatus, type StatusAnswer } from './ask.ts';
export { gatewayMetrics } from './metrics.ts';
export { healthOf, type Reporter, type ReporterOptions, startReporter } from './report.ts';
export { type HealthServer, startHealthServer } from './server.ts';
export { type Parts, type Snapshot, takeSnapshot, type Verdict } from './snapshot.ts';
