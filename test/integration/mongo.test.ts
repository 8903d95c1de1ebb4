import { readFileSync } from 'node:fs';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Alert,
  type Anomaly,
  CONNECT_TOPICS,
  type EnrichedTransaction,
  encode,
  TOPICS,
  type WebSession,
} from '../../contract/index.ts';
import { CONNECT_GROUPS, planMongo, startConnectWatch } from '../../hub/sinks/index.ts';
import { openConsumer, openProducer } from '../../kafka/index.ts';
import { type DocumentBed, openDocumentBed, wantsFerretDb } from '../support/documents.ts';
import { collect, send, until } from '../support/testbed.ts';

const T = 1_780_000_000_000;
const at = (ms: number) => new Date(T + ms);
let bed: DocumentBed;

const anomaly: Anomaly = {
  id: 'readings:pump-3|temperature@1',
  source: 'readings',
  series: 'pump-3|temperature',
  ts: T,
  value: 88,
  expected: null,
  score: 0.99,
  reason: 'far above',
  detector: 'adaptive',
};
const alert = (state: Alert['state'], ms: number): Alert => ({
  id: 'hot@pump-3',
  rule: 'hot',
  series: 'pump-3',
  state,
  severity: 'critical',
  summary: 'pump-3 is hot',
  value: 88.5,
  since: T,
  ts: T + ms,
  labels: { device: 'pump-3' },
});
const transaction: EnrichedTransaction = {
  id: 't-1',
  account: 'a-1',
  counterparty: 'Bäckerei "Zum $Korb"',
  amount: '-123456789012345678.12345678',
  currency: 'CHF',
  type: 'card',
  ts: T + 1,
  accountInfo: { id: 'a-1', currency: 'CHF', country: 'CH', segment: 'retail' },
};
const session = (start: number, revision: number, more: Partial<WebSession> = {}): WebSession => ({
  series: '203.0.113.7',
  windowStart: T + start,
  windowEnd: T + start + 60_000,
  revision,
  count: 3,
  early: false,
  mergedInto: null,
  clientIp: '203.0.113.7',
  paths: 2,
  durationMs: 1500,
  entryPath: '/',
  exitPath: '/cart',
  errorShare: 0,
  bytes: 5_000_000_000,
  ...more,
});
const sessionDocument = ({ series, windowStart, windowEnd, mergedInto, ...rest }: WebSession) => ({
  _id: { series, windowStart: new Date(windowStart) },
  ...rest,
  series,
  windowStart: new Date(windowStart),
  windowEnd: new Date(windowEnd),
  mergedInto: mergedInto === null ? null : new Date(mergedInto),
});
const put = (topic: { name: string }, key: string, ...values: unknown[]) =>
  send(
    bed,
    'hub',
    topic.name,
    values.map((value) => ({ key, value: encode(value as object) })),
  );

describe.runIf(wantsFerretDb())('MongoDB through Kafka Connect', () => {
  beforeAll(async () => {
    bed = await openDocumentBed();
  }, 300_000);
  afterAll(() => bed?.close());

  test('an anomaly and a transaction are documents: times as dates, money exactly as it was, nothing left out', async () => {
    await put(TOPICS.anomalies, anomaly.series, anomaly);
    const { id, ts, ...rest } = anomaly;
    await bed.holds('anomalies', [{ _id: id, ts: new Date(ts), ...rest }]);

    await put(TOPICS.transactionsEnriched, 'a-1', transaction);
    const { id: transactionId, ts: at1, ...other } = transaction;
    const document = { _id: transactionId, ts: new Date(at1), ...other, accountInfoFromLater: null };
    await bed.holds('transactions', [document]);
    const [found] = await bed
      .collection('transactions')
      .find({ ts: { $gte: at(0), $lt: at(10) } })
      .toArray();
    expect(found).toMatchObject({ amount: '-123456789012345678.12345678', ts: at(1) });
    expect(await bed.collection('transactions').find({ 'accountInfo.country': 'CH' }).toArray()).toHaveLength(1);
  });

  test('an alert is one document, in its present state', async () => {
    await put(TOPICS.alerts, 'hot/pump-3', alert('pending', 0), alert('firing', 5_000), alert('resolved', 90_000));
    const { id, ts: _, since: __, ...rest } = alert('resolved', 0);
    await bed.holds('alerts', [{ _id: id, ...rest, since: at(0), ts: at(90_000) }]);
  });

  test('a session is replaced by its next revision, and one that became part of another says so', async () => {
    const withdrawn = session(100_000, 2, {
      mergedInto: T,
      count: 0,
      paths: 0,
      durationMs: null,
      entryPath: null,
      exitPath: null,
      errorShare: null,
      bytes: null,
    });
    const whole = session(0, 2, { windowEnd: T + 200_000, count: 9 });
    const key = whole.series;
    await put(TOPICS.webSessions, key, session(0, 0, { early: true, count: 1 }), session(0, 1));
    await put(TOPICS.webSessions, key, session(100_000, 1), withdrawn, whole);
    await bed.holds('sessions', [whole, withdrawn].map(sessionDocument));
    expect(await bed.collection('sessions').find({ mergedInto: null }).toArray()).toHaveLength(1);
  });

  test('what is read twice makes the same documents', async () => {
    const before = await Promise.all(['alerts', 'sessions'].map((name) => bed.collection(name).find().toArray()));
    const url = `${bed.connect.url}/connectors/mongo-sessions`;
    // Connect forgets how far it was, as Kafka does of a group that was away for a week.
    await fetch(`${url}/stop`, { method: 'PUT' });
    await until(
      'stopped',
      60,
      async () => (await bed.rest.statuses()).get('mongo-sessions')?.connector.state === 'STOPPED',
    );
    await bed.admin.raw.deleteGroups(['connect-mongo-sessions']);
    expect(await bed.apply()).toEqual(['~ connector mongo-sessions: it was stopped and goes on']);
    const marker = session(500_000, 0);
    await put(TOPICS.webSessions, marker.series, marker);
    await bed.holds('sessions', [...before[1]!, sessionDocument(marker)]);
    await bed.collection('sessions').deleteOne({ windowStart: at(500_000) });
    expect(await bed.collection('alerts').find().toArray()).toEqual(before[0]);
  });

  test('of a transaction that was given up nothing arrives', async () => {
    const { brokers, ca, username, password } = bed.as('hub');
    const client = new kafkajs.Kafka({
      brokers: [...brokers],
      ssl: { ca: [ca] },
      sasl: { mechanism: 'scram-sha-512', username, password },
      logLevel: kafkajs.logLevel.NOTHING,
    });
    const producer = client.producer({ transactionalId: 'hub.given-up', maxInFlightRequests: 1 });
    await producer.connect();
    const transaction = await producer.transaction();
    const value = encode({ ...anomaly, id: 'never' });
    await transaction.send({ topic: TOPICS.anomalies.name, messages: [{ key: 'x', value }] });
    await transaction.abort();
    await producer.disconnect();
    await put(TOPICS.anomalies, 'x', { ...anomaly, id: 'after' });
    await until(
      'the record after it',
      60,
      async () => (await bed.collection('anomalies').countDocuments({ _id: 'after' })) === 1,
    );
    expect(await bed.collection('anomalies').countDocuments({ _id: 'never' })).toBe(0);
  });

  test('what is no record goes to dead letters with the reason in its headers, and people are told', async () => {
    const bad = ['not JSON', '[1]', '{"ts":1}', JSON.stringify({ ...anomaly, ts: 'today' })];
    await send(bed, 'admin', TOPICS.anomalies.name, [
      ...bad.map((value) => ({ key: 'x', value })),
      { key: 'x', value: encode({ ...anomaly, id: 'good' }) },
    ]);
    await until(
      'the good one',
      60,
      async () => (await bed.collection('anomalies').countDocuments({ _id: 'good' })) === 1,
    );
    const letters = await collect(bed, CONNECT_TOPICS.deadLetters.name);
    await letters.toEnd();
    await letters.close();
    expect(letters.records.map(({ value }) => value!.toString())).toEqual(bad);
    for (const { headers } of letters.records)
      expect(headers).toMatchObject({
        '__connect.errors.topic': TOPICS.anomalies.name,
        '__connect.errors.connector.name': 'mongo-anomalies',
        '__connect.errors.exception.message': expect.stringMatching(/\w/),
      });
    const traces = letters.records.map(({ headers }) => String(headers['__connect.errors.exception.stacktrace']));
    expect(traces[0]).toContain('JsonParseException');
    for (const trace of traces.slice(1)) expect(trace).toContain('DataException');

    const watch = startConnectWatch({
      connect: { url: bed.connect.url },
      kafka: bed.as('hub'),
      everyMs: 200,
      log: quiet,
    });
    await until('all four are told', 60, () => watch.view().connectors.filter((c) => c.lag === 0).length === 4);
    expect(watch.view()).toMatchObject({ state: 'ready', deadLetters: 4, failedTasks: 0 });
    expect(watch.view().detail).toBe('4 of 4 connectors run; 4 records in connect.dead-letters');
    expect(watch.view().connectors.map(({ tasks, restarts }) => [tasks, restarts])).toEqual(
      Array.from({ length: 4 }, () => [['RUNNING'], 0]),
    );
    await watch.close();
  });

  test('a record without a value, or with nothing in it, stops no connector', async () => {
    const nothing = [null, '', 'null'].map((value) => ({ key: 'k', value }));
    for (const topic of [TOPICS.anomalies, TOPICS.alerts, TOPICS.transactionsEnriched, TOPICS.webSessions]) {
      await send(bed, 'hub', topic.name, nothing);
    }
    const marker = session(700_000, 0);
    await put(TOPICS.anomalies, 'k', { ...anomaly, id: 'after nothing' });
    await put(TOPICS.alerts, 'k', { ...alert('firing', 0), id: 'after nothing' });
    await put(TOPICS.transactionsEnriched, 'k', { ...transaction, id: 'after nothing' });
    await put(TOPICS.webSessions, 'k', marker);
    for (const name of ['anomalies', 'alerts', 'transactions']) {
      const arrived = async () => (await bed.collection(name).countDocuments({ _id: 'after nothing' })) === 1;
      await until(`${name}: the document after it`, 60, arrived);
    }
    const arrived = async () => (await bed.collection('sessions').countDocuments({ windowStart: at(700_000) })) === 1;
    await until('sessions: the document after it', 60, arrived);
    await bed.collection('sessions').deleteOne({ windowStart: at(700_000) });
  });

  test('applying twice changes nothing; what was paused goes on, what was removed comes back, what is wrong is refused first', async () => {
    expect(await bed.apply()).toEqual([]);
    await fetch(`${bed.connect.url}/connectors/mongo-alerts/pause`, { method: 'PUT' });
    await until(
      'paused',
      60,
      async () => (await bed.rest.statuses()).get('mongo-alerts')?.connector.state === 'PAUSED',
    );
    await fetch(`${bed.connect.url}/connectors/mongo-sessions`, { method: 'DELETE' });
    await bed.collection('alerts').dropIndex('rule');
    const did = await bed.apply();
    expect([...did].sort()).toEqual([
      '+ connector mongo-sessions',
      '+ index alerts.rule',
      '~ connector mongo-alerts: it was paused and goes on',
    ]);
    expect(await bed.apply()).toEqual([]);
    const foreign = { ...bed.config, connect: { ...bed.config.connect, uriFile: '/etc/passwd' } };
    await expect(planMongo(foreign)).rejects.toMatchObject({
      code: 'CONNECTORS_INVALID',
      details: expect.arrayContaining([expect.stringMatching(/^mongo-alerts: connection\.uri: /)]),
    });
    expect(await bed.apply()).toEqual([]);
    const config = (await bed.rest.config('mongo-alerts'))!;
    const problems = await bed.rest.problems({ ...config, 'tasks.max': 'many' });
    expect(problems[0]).toBe('tasks.max: Invalid value many for configuration tasks.max: Not a number of type INT');
  });

  test('the address of the database stands in no configuration, and no other file can be read by one', async () => {
    const config = (await bed.rest.config('mongo-alerts'))!;
    expect(config['connection.uri']).toBe(`\${file:${bed.config.uriFile}:uri}`);
    // The value that is not there is taken as it stands, which is no address.
    const problems = await bed.rest.problems({ ...config, 'connection.uri': `\${file:/etc/passwd:root}` });
    expect(problems.join()).not.toContain('/bin/');
    expect(problems.length).toBeGreaterThan(0);
  });

  test('the queries of the data model answer', async () => {
    const page = readFileSync(new URL('../../docs/reference/data-model.md', import.meta.url), 'utf8');
    const queries = [...page.matchAll(/```js\n(.*?)```/gs)].map(([, query]) => query!);
    expect(queries).toHaveLength(5);
    await put(TOPICS.alerts, 'hot/pump-3', { ...alert('firing', 0), id: 'fires' });
    await put(TOPICS.anomalies, 'x', { ...anomaly, id: 'recent', ts: Date.now() });
    for (const name of ['fires', 'recent']) {
      const of = bed.collection(name === 'fires' ? 'alerts' : 'anomalies');
      await until(name, 60, async () => (await of.countDocuments({ _id: name })) === 1);
    }
    const db = Object.fromEntries(
      ['alerts', 'anomalies', 'transactions', 'sessions'].map((name) => [name, bed.collection(name)]),
    );
    for (const query of queries) {
      const rows = await new Function('db', `return ${query}`)(db).toArray();
      expect(rows.length, query).toBeGreaterThan(0);
    }
  });

  test('user connect reads what becomes documents and nothing else, and writes nothing but dead letters', async () => {
    const producer = await openProducer(bed.as('connect'));
    await expect(
      producer.send([{ topic: TOPICS.anomalies.name, records: [{ key: 'x', value: '{}' }] }]),
    ).rejects.toMatchObject({ code: 'KAFKA_TOPIC_AUTHORIZATION_FAILED' });
    await producer.close();
    for (const topic of [TOPICS.readings.name, TOPICS.transactions.name, TOPICS.accounts.name]) {
      const failed = Promise.withResolvers<Error>();
      const consumer = await openConsumer(bed.as('connect'), {
        groupId: 'connect-test',
        topics: [topic],
        onBatch: async () => undefined,
        onFailed: failed.resolve,
      }).catch((error: Error) => void failed.resolve(error));
      expect(String(await failed.promise)).toMatch(/authori/i);
      await consumer?.close();
    }
    expect(CONNECT_GROUPS).toContain('connect-mongo-alerts');
  });
});

const quiet = { info: () => {}, warn: () => {} };
