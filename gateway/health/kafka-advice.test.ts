import { expect, test } from 'vitest';
import { kafkaAdvice } from './kafka-advice.ts';

// As kafkajs 2.2.4 and Node 24 say it.
test.each([
  ['Not authorized to access topics: [Topic authorization failed]', 'topics apply'],
  ['Cluster authorization failed', 'topics apply'],
  ['This server does not host this topic-partition', 'topics apply'],
  ['SASL SCRAM SHA512 authentication failed: invalid credentials with SASL mechanism SCRAM-SHA-512', 'passwordFile'],
  ['Connection error: unable to verify the first certificate', 'caFile'],
  ['Connection error: self-signed certificate in certificate chain', 'caFile'],
  ['Connection error: certificate has expired', 'clock'],
  ['Connection error: certificate is not yet valid', 'clock'],
  ["Hostname/IP does not match certificate's altnames: Host: a. is not in the cert's altnames: DNS:b", 'kafka.brokers'],
  ['Connection error: 00C8:error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required', 'certFile'],
  ['Connection error: getaddrinfo ENOTFOUND kafka-1.example.org', 'name server'],
  ['Connection error: connect ECONNREFUSED 127.0.0.1:9', 'network'],
  ['Connection timeout', 'network'],
])('%s: says what to do', (error, advice) => {
  expect(kafkaAdvice(error)).toContain(advice);
});

test('says nothing where nothing is known', () => {
  expect(kafkaAdvice('the moon is full')).toBe(undefined);
});
