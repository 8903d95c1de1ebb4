import { type AlertSilence, CONTRACT_VERSION, encode, HEADER, TOPICS } from '../../contract/index.ts';
import { type KafkaSettings, openProducer, shared } from '../../kafka/index.ts';

export interface SilenceWriter {
  /** Resolves when Kafka has it. @throws HeadwaterError `KAFKA_…` */
  write(silence: AlertSilence): Promise<void>;
  close(): Promise<void>;
}

/** Writes silences for the whole platform. It connects when the first one is written. */
export function openSilenceWriter(kafka: KafkaSettings): SilenceWriter {
  const producer = shared(() => openProducer(kafka));
  return {
    write(silence) {
      const record = { key: silence.id, value: encode(silence), headers: { [HEADER.version]: CONTRACT_VERSION } };
      return producer.use((one) => one.send([{ topic: TOPICS.alertSilences.name, records: [record] }]));
    },
    close: () => producer.close(),
  };
}
