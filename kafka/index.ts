export { type Admin, openAdmin, type TopicDescription } from './admin.ts';
export { openConsumer } from './consumer.ts';
export { encodedSize, openProducer, openTransactionalProducer } from './producer.ts';
export { applyPlan, type Change, type Desired, planChanges } from './provision.ts';
export type {
  Consumer,
  ConsumerOptions,
  IncomingBatch,
  IncomingRecord,
  KafkaSettings,
  OutgoingRecord,
  Producer,
  TopicBatch,
  TopicPartition,
  TransactionalProducer,
} from './types.ts';
