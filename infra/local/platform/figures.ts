import { HeadwaterError } from '../../../contract/index.ts';

/** What a running platform has done since its data began. */
export interface Figures {
  readonly readings: {
    readonly acknowledged: number;
    readonly forwarded: number;
    readonly counted: number;
    readonly lost: number;
    readonly duplicatesDropped: number;
  };
  readonly windows: number;
  readonly anomalies: number;
  readonly deadLetters: number;
  /** Reading's time to the page. */
  readonly latencyMs: { readonly p50: number | null; readonly p99: number | null };
  /** From the start to the first reading that the page could draw; null while there was none. */
  readonly firstChartMs: number | null;
  readonly peakMemoryMb: Readonly<Record<string, number>>;
  /** How often a program ended unasked and was started again. */
  readonly restarts: Readonly<Record<string, number>>;
  /** Readings that wait in the gateway. */
  readonly backlog: number;
}

export interface FigureSources {
  readonly page: string;
  readonly gateway: string;
  /** ms since the epoch. */
  readonly startedAt: number;
  readonly memory: () => Record<string, number>;
  readonly restarts: () => Record<string, number>;
}

interface GatewayAnswer {
  readonly backlog: { readonly readings: number };
  readonly counts: { readonly acknowledged: number; readonly forwarded: number; readonly evicted: number };
}

interface HubAnswer {
  readonly readings: { readonly counted: number; readonly duplicatesDropped: number; readonly gaps: number };
  readonly windows: number;
  readonly anomalies: number;
  readonly deadLetters: number;
  readonly latencyMs: { readonly p50: number | null; readonly p99: number | null };
  readonly firstChartAt: number | null;
}

/** @throws HeadwaterError `PLATFORM_SILENT` when the gateway or the hub does not answer */
export async function readFigures(from: FigureSources): Promise<Figures> {
  const [gateway, hub] = await Promise.all([
    ask<GatewayAnswer>(`${from.gateway}/status`),
    ask<HubAnswer>(`${from.page}/api/summary`),
  ]);
  const { acknowledged, forwarded, evicted } = gateway.counts;
  const { counted, duplicatesDropped, gaps } = hub.readings;
  const missing = acknowledged - evicted - gateway.backlog.readings - counted;
  return {
    readings: { acknowledged, forwarded, counted, lost: Math.max(0, missing, gaps), duplicatesDropped },
    windows: hub.windows,
    anomalies: hub.anomalies,
    deadLetters: hub.deadLetters,
    latencyMs: { p50: hub.latencyMs.p50, p99: hub.latencyMs.p99 },
    firstChartMs: hub.firstChartAt === null ? null : hub.firstChartAt - from.startedAt,
    peakMemoryMb: from.memory(),
    restarts: from.restarts(),
    backlog: gateway.backlog.readings,
  };
}

async function ask<T>(url: string): Promise<T> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(3_000) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    return (await response.json()) as T;
  } catch (cause) {
    throw new HeadwaterError('PLATFORM_SILENT', `${url} does not answer; the logs tell why`, {
      cause,
      retryable: true,
    });
  }
}
