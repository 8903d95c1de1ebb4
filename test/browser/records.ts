import type { Alert, Anomaly, DeadLetter, GatewayStatus, Health, Late } from '../../contract/index.ts';
import { SHAPES } from './windows.ts';

const WINDOW = 10_000;
const MINUTE = 60_000;
const bytes = (text: string) => Buffer.from(text).toString('base64');

export function gatewayStatus(now: number, change: Partial<GatewayStatus> = {}): GatewayStatus {
  return {
    gateway: 'gw-plant',
    site: 'plant',
    version: '0.1.0',
    incarnation: '5f0c9a31',
    ts: now,
    startedAt: now - 6 * 3_600_000,
    backlog: { readings: 0, bytes: 0, oldestTs: null },
    counts: { acknowledged: 184_220, forwarded: 184_220, rejected: 14, duplicates: 62, evicted: 0, lost: 0 },
    inputs: [
      { name: 'mqtt', state: 'ok', detail: '9 devices on port 1883' },
      { name: 'serial:/dev/ttyUSB0', state: 'ok', detail: '115200 baud, 2 devices' },
      { name: 'host', state: 'ok', detail: 'load, memory, disk' },
    ],
    disk: { freeBytes: 11_400_000_000, bufferBytes: 2_400_000 },
    certificateExpiresAt: now + 200 * 86_400_000,
    ...change,
  };
}

/** One that catches up after an outage, with an input that waits. */
export function laggingGateway(now: number): GatewayStatus {
  return gatewayStatus(now, {
    gateway: 'gw-well',
    site: 'well',
    incarnation: '77ab01c2',
    backlog: { readings: 1_846, bytes: 402_000, oldestTs: now - 95_000 },
    counts: { acknowledged: 102_410, forwarded: 100_564, rejected: 3, duplicates: 11, evicted: 0, lost: 0 },
    inputs: [
      { name: 'mqtt', state: 'ok', detail: '4 devices on port 1883' },
      { name: 'serial:/dev/ttyACM0', state: 'waiting', detail: 'not plugged in' },
    ],
  });
}

export function alertOf(now: number, change: Partial<Alert> = {}): Alert {
  return {
    id: 'checkout-errors-1',
    rule: 'web-error-share',
    series: '/api/checkout',
    state: 'firing',
    severity: 'critical',
    summary: 'More than 5 % of requests to /api/checkout fail',
    value: 0.083,
    since: now - 4 * MINUTE,
    ts: now - 4 * MINUTE,
    labels: { path: '/api/checkout' },
    ...change,
  };
}

/** A dead gateway with what follows from it, works on the roof, three channels of which one is down, and what they were told. */
export function alerting(
  now: number,
): Record<'alerts' | 'alert-silences' | 'alert-channels' | 'notifications', object[]> {
  const device = (series: string, more: Partial<Alert> = {}) => {
    const [gateway, name] = series.split('/');
    const about = {
      series,
      rule: 'device-silent',
      severity: 'warning',
      summary: `device ${name} of gateway ${gateway} says nothing`,
    } as const;
    return alertOf(now, {
      id: `device-silent/${series}@1`,
      ...about,
      labels: { site: gateway!.replace('gw-', ''), gateway: gateway!, device: name! },
      ...more,
    });
  };
  const dead = alertOf(now, {
    ...{
      id: 'gateway-silent/gw-well@1',
      rule: 'gateway-silent',
      series: 'gw-well',
      labels: { site: 'well', gateway: 'gw-well' },
    },
    summary: 'gateway gw-well at well has not been heard of for a minute',
  });
  const matchers = (label: string, value: string) => [{ label, op: '=', value }];
  const silence = {
    comment: 'The roof is being mended',
    author: 'mira',
    start: now - 3 * MINUTE,
    ts: now - 3 * MINUTE,
  };
  const channel = {
    process: 'hub-1',
    state: 'ready',
    detail: 'status 200',
    position: 3,
    acceptedAt: now,
    accepted: 3,
    refused: 0,
  };
  const takes = { severities: ['info', 'warning', 'critical'], matchers: [], resolved: true, ts: now };
  const told = { repeated: false, firing: 1, resolved: 0, omitted: 0, state: 'firing', repeatBy: now + 240 * MINUTE };
  return {
    alerts: [dead, device('gw-well/pump-3'), device('gw-roof/wind-1')],
    'alert-silences': [
      { ...silence, id: 's1', matchers: matchers('site', 'roof'), end: now + 55 * MINUTE },
      { ...silence, id: 's2', matchers: matchers('rule', 'web-*'), end: now - MINUTE, comment: 'Load test' },
    ],
    'alert-channels': [
      { ...channel, ...takes, channel: 'on-call', kind: 'ntfy', severities: ['critical'] },
      {
        ...channel,
        ...takes,
        channel: 'team',
        kind: 'slack',
        state: 'waiting',
        detail: 'it answered with status 503; tried again in 24 s',
        position: 1,
        accepted: 1,
      },
      {
        ...channel,
        ...takes,
        channel: 'archive',
        kind: 'email',
        refused: 1,
        detail: 'refused: it answered with 552 too large',
      },
    ],
    notifications: [
      { ...told, id: 'n1', ts: now - 9 * MINUTE, group: 'rule=web-error-share', labels: {}, alerts: [alertOf(now)] },
      { ...told, id: 'n2', ts: now - 4 * MINUTE, group: 'rule=gateway-silent,site=well', labels: {}, alerts: [dead] },
      {
        ...told,
        id: 'n3',
        ts: now - MINUTE,
        group: 'rule=device-silent,site=roof',
        labels: {},
        firing: 0,
        resolved: 1,
        state: 'resolved',
        alerts: [device('gw-roof/wind-2', { state: 'resolved' })],
      },
    ],
  };
}

/** One of each state. */
export function alerts(now: number): Alert[] {
  return [
    alertOf(now),
    alertOf(now, {
      id: 'boiler-hot',
      rule: 'boiler-temperature',
      series: 'boiler-2/temperature',
      state: 'pending',
      severity: 'warning',
      summary: 'boiler-2 is warmer than 34 °C',
      since: now - 20_000,
      ts: now - 20_000,
    }),
    alertOf(now, {
      id: 'gw-silent',
      rule: 'gateway-silent',
      series: 'gw-well',
      state: 'resolved',
      severity: 'warning',
      summary: 'gw-well had not reported for a minute',
      since: now - 31 * MINUTE,
      ts: now - 28 * MINUTE,
    }),
  ];
}

export function anomalies(now: number): Anomaly[] {
  const base = { detector: 'adaptive' };
  const warm = SHAPES[0]!;
  return [
    {
      ...base,
      id: 'a1',
      source: 'readings',
      series: `${warm.gateway}/${warm.device}/${warm.metric}`,
      ts: now - 9 * MINUTE,
      value: warm.base + 6.4,
      expected: warm.base + 1.1,
      score: 0.97,
      reason: 'far above the values of the last hour',
    },
    {
      ...base,
      id: 'a2',
      source: 'response-times',
      series: '/api/search',
      ts: now - 6 * MINUTE,
      value: 1_840,
      expected: 131,
      score: 0.93,
      reason: 'fourteen times the usual',
    },
    {
      ...base,
      id: 'a3',
      source: 'amounts',
      series: 'FR-1207-03/EUR',
      ts: now - 3 * MINUTE,
      value: 9_400,
      expected: 88,
      score: 0.99,
      reason: 'largest amount of this account so far',
    },
    {
      ...base,
      id: 'a4',
      source: 'readings',
      series: `${warm.gateway}/${warm.device}/${warm.metric}`,
      ts: now - 2 * MINUTE,
      value: warm.base - 5.2,
      expected: warm.base - 0.4,
      score: 0.91,
      reason: 'sudden drop',
    },
  ];
}

export function healths(now: number): Health[] {
  const of = (process: string, kind: Health['kind'], rssMb: number, more: Partial<Health> = {}): Health => ({
    process,
    kind,
    ts: now,
    rssMb,
    cpuShare: rssMb / 3_000,
    diskFreeBytes: 52_000_000_000,
    lag: {},
    certificateExpiresAt: null,
    counts: {},
    ...more,
  });
  return [
    of('gateway:gw-plant', 'gateway', 92),
    of('hub', 'hub', 214, {
      lag: {
        'hub.intake/iot.raw': 12,
        'hub.readings/iot.readings': 38,
        'hub.web/web.requests': 0,
        'page.live/iot.readings': 4,
      },
    }),
    of('kafka:1', 'kafka', 381),
    ...[0, 1, 2, 3].map((p) =>
      of(`hub:intake/${p}`, 'hub', 0, { counts: { counted: 71_640 + p, duplicatesDropped: 12 + p, gaps: 0 } }),
    ),
  ];
}

export function deadLetters(now: number): DeadLetter[] {
  return [
    {
      origin: 'mqtt:devices/pump-1/temperature',
      code: 'VALUE_NOT_NUMBER',
      reason: 'payload is neither a number nor an object with a value',
      bytes: bytes('21,4 C'),
      ts: now - 7 * MINUTE,
    },
    {
      origin: 'serial:/dev/ttyUSB0',
      code: 'LINE_TOO_LONG',
      reason: 'line is longer than 1024 bytes',
      bytes: bytes('{"device":"mc-1","boot":"a1b2\u0000\u0001…'),
      ts: now - 5 * MINUTE,
    },
    {
      origin: 'log:/var/log/nginx/access.log',
      code: 'LOG_LINE_INVALID',
      reason: 'not in the combined format',
      bytes: bytes('\\x16\\x03\\x01 GET'),
      ts: now - MINUTE,
    },
  ];
}

export function lateRecord(now: number): Late {
  const start = Math.floor((now - 12 * MINUTE) / WINDOW) * WINDOW;
  return {
    topic: 'iot.readings',
    step: 'readings-windows',
    series: 'silo-3/humidity',
    ts: start + 900,
    windowStart: start,
    windowEnd: start + WINDOW,
    watermark: start + 2 * WINDOW,
    bytes: bytes('{"device":"silo-3","metric":"humidity","value":57.1}'),
  };
}
