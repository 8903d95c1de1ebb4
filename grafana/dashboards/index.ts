import type { Dashboard } from '../spec.ts';
import { anomalies } from './anomalies.ts';
import { device } from './device.ts';
import { engine } from './engine.ts';
import { finance } from './finance.ts';
import { gateway } from './gateway.ts';
import { overview } from './overview.ts';
import { sites } from './sites.ts';
import { web } from './web.ts';

export const DASHBOARDS: readonly Dashboard[] = [overview, gateway, engine, device, sites, web, finance, anomalies];
