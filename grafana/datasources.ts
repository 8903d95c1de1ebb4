/** The data sources, by the names under which panels and rules know them. */
export const INFLUX = { type: 'influxdb', uid: 'headwater-influxdb' } as const;
export const PROMETHEUS = { type: 'prometheus', uid: 'headwater-prometheus' } as const;

const shared = { access: 'proxy', orgId: 1, editable: false } as const;

/**
 * Grafana's provisioning of data sources. What differs between machines comes from Grafana's environment. The token need not be in it: Grafana expands
 * a variable first and then what it says, so that `HEADWATER_INFLUX_TOKEN` can be `$__file{/the/path}`.
 */
export function influxSource(): object {
  return {
    apiVersion: 1,
    datasources: [
      {
        ...shared,
        ...INFLUX,
        name: 'Headwater InfluxDB',
        url: '${HEADWATER_INFLUX_URL}',
        isDefault: true,
        jsonData: {
          version: 'Flux',
          organization: 'headwater',
          defaultBucket: 'results',
          // No result comes more often.
          timeInterval: '10s',
          maxSeries: 1_000,
          timeout: 30,
        },
        secureJsonData: { token: '${HEADWATER_INFLUX_TOKEN}' },
      },
    ],
  };
}

/** Where there is a Prometheus that scrapes gateways and hubs, their processes can be looked into with it; no dashboard needs it. */
export function prometheusSource(): object {
  return {
    apiVersion: 1,
    datasources: [
      {
        ...shared,
        ...PROMETHEUS,
        name: 'Headwater Prometheus',
        url: '${HEADWATER_PROMETHEUS_URL}',
        jsonData: { httpMethod: 'POST', timeInterval: '15s' },
      },
    ],
  };
}
