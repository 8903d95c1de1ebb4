import { expect, test } from 'vitest';
import { mqttClient } from './mqtt-client.ts';

const SOUND = { name: 'hall', url: 'mqtts://broker.example.org', topics: [{ filter: 'devices/#' }] };

test('what is left out is set safely', () => {
  expect(mqttClient.parse(SOUND)).toMatchObject({ plaintext: false, topics: [{ filter: 'devices/#', qos: 1 }] });
});

test.each([
  ['another protocol', { url: 'ws://broker.example.org' }, 'url', 'must be mqtts://'],
  ['no URL', { url: 'broker' }, 'url', 'must be mqtts://'],
  ['a password in the URL', { url: 'mqtts://a:b@broker.example.org' }, 'url', 'passwordFile'],
  ['plain text over the network', { url: 'mqtt://broker.example.org' }, 'url', 'plaintext: true'],
  ['certificates without TLS', { url: 'mqtt://127.0.0.1', caFile: 'ca.pem' }, 'caFile', 'mqtts://'],
  ['a certificate without its key', { certFile: 'c.pem' }, 'keyFile', 'is missing'],
  ['a password without a user', { passwordFile: 'p' }, 'username', 'is missing'],
  ['no topics', { topics: [] }, 'topics', ''],
  ['a topic twice', { topics: [{ filter: 'a' }, { filter: 'a' }] }, 'topics', 'has a twice'],
  ['# in the middle', { topics: [{ filter: 'a/#/b' }] }, 'topics.0.filter', 'topic filter'],
  ['+ within a level', { topics: [{ filter: 'a+/b' }] }, 'topics.0.filter', 'topic filter'],
  ['QoS 0', { topics: [{ filter: 'a', qos: 0 }] }, 'topics.0.qos', ''],
])('%s is refused', (_name, change, path, message) => {
  const problems = mqttClient.safeParse({ ...SOUND, ...change }).error?.issues ?? [];
  expect(problems.map((issue) => `${issue.path.join('.')} ${issue.message}`)).toContainEqual(
    expect.stringMatching(new RegExp(`^${path.replaceAll('.', '\\.')} .*${message}`)),
  );
});

test.each([
  ['mqtt://127.0.0.1', {}],
  ['mqtt://[::1]:1884', {}],
  ['mqtt://broker.example.org', { plaintext: true }],
  ['mqtts://broker.example.org', { topics: [{ filter: '+/+/#', qos: 2 }, { filter: '$share/gateways/a/#' }] }],
])('%s is taken', (url, more) => {
  expect(mqttClient.safeParse({ ...SOUND, url, ...more }).success).toBe(true);
});
