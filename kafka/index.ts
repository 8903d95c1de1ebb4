export { type Admin, openAdmin, type TopicDescription } from './admin.ts';
export {
  authoritiesExpiry,
  type BrokerCertificates,
  brokerCertificates,
  type CertificateExpiry,
  chainExpiry,
  ownCertificates,
  parseCertificates,
} from './certificates.ts';
export { type BrokerState, type ClusterState, readClusterState } from './cluster-state.ts';
export { openConsumer } from './consumer.ts';
export { encodedSize, openProducer, openTransactionalProducer } from './producer.ts';
export { applyPlan, type Change, type Desired, planChanges } from './provision.ts';
export { type Shared, shared } from './shared.ts';
export type {
  CertificateLogin,
  Compression,
  Consumer,
  ConsumerOptions,
  IncomingBatch,
  IncomingRecord,
  KafkaSettings,
  OutgoingRecord,
  Producer,
  ProducerOptions,
  ScramLogin,
  Start,
  TopicBatch,
  TopicPartition,
  TransactionalProducer,
} from './types.ts';
