import { expect, test } from 'vitest';
import { certificateAdvice } from './certificates.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 0, 1);
const at = (name: string, days: number) => ({ name, expiresAt: NOW + days * DAY });

test('what ends within 30 days or has ended is told with its day and what to do, in the order given', () => {
  const certificates = [
    at('kafka_ca', 29.5),
    at('kafka_client', 31),
    at('kafka_broker', 3),
    at('mqtt', -1),
    at('mqtt_devices_ca', 5),
    at('mqtt-client:house', 0.5),
    at('mqtt-client:house:ca', 7),
  ];
  expect(certificateAdvice(certificates, NOW)).toEqual([
    'the certificate kafka_ca expires in 29 days, on 2026-01-30: put the new authority beside the old one in kafka.caFile',
    'the certificate kafka_broker expires in 3 days, on 2026-01-04: renew it on the brokers; nothing is to be done here',
    'the certificate mqtt expired on 2025-12-31: write a new one to inputs.mqtt.tls.certFile and keyFile',
    'the certificate mqtt_devices_ca expires in 5 days, on 2026-01-06: put the new authority beside the old one in inputs.mqtt.tls.clientCaFile',
    'the certificate mqtt-client:house expires in 0 days, on 2026-01-01: write a new one to the certFile and keyFile of this input',
    'the certificate mqtt-client:house:ca expires in 7 days, on 2026-01-08: put the new authority beside the old one in the caFile of this input',
  ]);
});
