export {
  type Counted,
  type Family,
  familyOf,
  type Metrics,
  type MetricsPart,
  openMetrics,
  type Tell,
  watchProcess,
} from './metrics.ts';
export { type HealthOptions, type HealthReporter, startHealth } from './report.ts';
export { brokersHealth, hubHealth, type Known } from './state.ts';
export { HEALTH_METRICS } from './told.ts';
