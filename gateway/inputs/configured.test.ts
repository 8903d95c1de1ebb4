import { expect, test } from 'vitest';
import { parseConfig } from '../../contract/index.ts';
import { GatewayConfig } from '../config/index.ts';
import { plannedInputs } from './configured.ts';
import { configuredRules } from './decode/rules.ts';

test('what any kind of input declares is found by the name under which its messages come', async () => {
  const transform = [{ scale: { factor: 2 } }];
  const config = parseConfig(GatewayConfig, {
    text: JSON.stringify({
      gateway: { id: 'gw', site: 's' },
      buffer: { dir: 'd' },
      kafka: { brokers: ['k:1'], caFile: 'c', passwordFile: 'p' },
      inputs: {
        mqtt: { anonymous: true, transform },
        mqttClients: [{ name: 'house', url: 'mqtt://127.0.0.1', topics: [{ filter: '#' }], transform }],
        serial: [
          { path: '/dev/ttyUSB0', transform },
          { usb: { vendorId: '0403', productId: '60FF', serialNumber: 'A5' }, transform },
          { path: 'tcp://192.168.1.20:4001', transform },
        ],
        host: { transform },
      },
    }),
    file: 'gateway.yaml',
    env: {},
    prefix: 'X',
  });
  const loaded = await Promise.all(plannedInputs(config, { debug: () => {} }).map(({ load }) => load()));
  const names = loaded.map(({ open }) => open().name);
  expect(names).toHaveLength(6);
  expect([...configuredRules(config).keys()].toSorted()).toEqual(names.toSorted());
});
