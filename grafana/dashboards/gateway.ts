/** One Grafana panel over Prometheus: its title, what it asks, and the unit by Grafana's name for it. */
interface Panel {
  readonly title: string;
  readonly query: string;
  readonly unit: string;
}

const PANELS: readonly Panel[] = [
  { title: 'Readings acknowledged', query: 'rate(headwater_gateway_readings_acknowledged_total[1m])', unit: 'cps' },
  { title: 'Readings forwarded', query: 'rate(headwater_gateway_readings_forwarded_total[1m])', unit: 'cps' },
  { title: 'Backlog by lane', query: 'headwater_gateway_backlog_readings', unit: 'short' },
  { title: 'Not understood', query: 'rate(headwater_gateway_rejected_total[5m])', unit: 'cps' },
  {
    title: 'Refused and lost',
    query: 'rate(headwater_gateway_refused_total[5m]) + rate(headwater_gateway_lost_total[5m])',
    unit: 'cps',
  },
  { title: 'Buffer on disk', query: 'headwater_gateway_buffer_bytes', unit: 'bytes' },
  { title: 'Free disk', query: 'headwater_gateway_disk_free_bytes', unit: 'bytes' },
  { title: 'Kafka reachable', query: 'headwater_gateway_kafka_up', unit: 'bool_yes_no' },
];

const [WIDTH, HEIGHT, COLUMNS] = [12, 8, 2];

/** The dashboard of one gateway as Grafana's JSON, for provisioning. */
export function gatewayDashboard(): object {
  const datasource = { type: 'prometheus', uid: '$datasource' };
  return {
    uid: 'headwater-gateway',
    title: 'Headwater gateway',
    tags: ['headwater'],
    schemaVersion: 39,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', type: 'datasource', query: 'prometheus' },
        {
          name: 'gateway',
          type: 'query',
          datasource,
          query: 'label_values(headwater_gateway_kafka_up, instance)',
          refresh: 2,
        },
      ],
    },
    panels: PANELS.map(({ title, query, unit }, i) => ({
      id: i + 1,
      type: 'timeseries',
      title,
      datasource,
      gridPos: { x: (i % COLUMNS) * WIDTH, y: Math.floor(i / COLUMNS) * HEIGHT, w: WIDTH, h: HEIGHT },
      fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
      targets: [{ refId: 'A', datasource, expr: query.replaceAll(/headwater_\w+/g, '$&{instance="$gateway"}') }],
    })),
  };
}
