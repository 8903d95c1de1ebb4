/** How to reach a cluster: always over TLS, and by SASL/SCRAM-SHA-512 or by a certificate of one's own. */
export type KafkaSettings = Cluster & (ScramLogin | CertificateLogin);

interface Cluster {
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** PEM of the authorities that brokers' certificates are checked against. */
  readonly ca: string;
}

export interface ScramLogin {
  readonly username: string;
  readonly password: string;
}

/** Mutual TLS: the cluster takes the user's name from the certificate. PEM texts. */
export interface CertificateLogin {
  readonly cert: string;
  readonly key: string;
}

export interface ProducerOptions {
  /** `zstd` unless given. */
  readonly compression?: Compression;
  /** Called at each connection with the broker's address and when the first certificate of its chain expires, in ms since the epoch. */
  readonly onBrokerCertificate?: OnBrokerCertificate;
}

export type Compression = 'none' | 'gzip' | 'zstd';
export type OnBrokerCertificate = (broker: string, expiresAt: number) => void;

export interface OutgoingRecord {
  readonly key: string | null;
  readonly value: Buffer | string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** Where it goes; the key decides unless given. */
  readonly partition?: number;
}

export interface TopicBatch {
  readonly topic: string;
  readonly records: readonly OutgoingRecord[];
}

export interface IncomingRecord {
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly partition: number;
  readonly offset: number;
  /** When the broker appended it, ms since the epoch. */
  readonly appendedAt: number;
}

export interface IncomingBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly IncomingRecord[];
  /** The offset this fetch began at: the position before the batch. */
  readonly from: number;
  /** The position after the batch; beyond the last record where transaction markers follow it. */
  readonly next: number;
  /** Offset after the last record that readers may see. */
  readonly highWatermark: number;
}

/** Idempotent, acks=all. After any error a producer is done for: close it, open another and send again. */
export interface Producer {
  send(batches: readonly TopicBatch[]): Promise<void>;
  close(): Promise<void>;
}

/** Opening one fences every earlier producer of the same transactional id and ends what it left open. */
export interface TransactionalProducer {
  /** Writes everything in one transaction, or nothing. After an error: close it and open another. */
  commit(batches: readonly TopicBatch[]): Promise<void>;
  close(): Promise<void>;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** Of a partition: an offset, its first record that is still there, or its present end. */
export type Start = number | 'earliest' | 'latest';

export interface ConsumerOptions {
  readonly groupId: string;
  readonly topics: readonly string[];
  /**
   * Called at every join of the group with all partitions now owned; the first call precedes the first batch. `isNewMember`: at the first join, and after
   * the group had given this member up, when others may have had its partitions in between.
   */
  readonly onAssigned?: (partitions: readonly TopicPartition[], isNewMember: boolean) => void;
  /**
   * Where a partition begins, asked after each join of the group for each that is now owned; without it, at the group's own position. Nothing of the
   * partition is handed on before, and a pause of it is over then. An error thrown here ends the consumer through `onFailed`.
   */
  readonly startAt?: (at: TopicPartition) => Start | Promise<Start>;
  /**
   * Called with each batch, one at a time for a partition. The position moves on when it resolves, unless `seek` was called for the partition
   * meanwhile or it resolves to `'again'` (deliver the same batch once more: pause the partition first). Must not wait for other partitions. An
   * error thrown here ends the consumer through `onFailed`.
   */
  readonly onBatch: (batch: IncomingBatch) => Promise<'again' | undefined>;
  /** The position of a partition moved on to `next` over nothing but transaction markers and aborted records. */
  readonly onSkipped?: (at: TopicPartition & { readonly next: number }) => void;
  /**
   * Records that this group had yet to read are gone: Kafka kept them no longer. Called before the batches from `to` on; offsets of transaction markers count too.
   */
  readonly onMissed?: (at: TopicPartition & { readonly from: number; readonly to: number }) => void;
  /** The consumer stopped for good; open another. */
  readonly onFailed: (error: Error) => void;
  /** Bytes of one partition in one fetch; 1 MiB unless given. */
  readonly maxBytesPerPartition?: number;
  /** Longest time the broker waits for `minBytes` (1 unless given) of data, ms; 100 unless given. */
  readonly maxWaitMs?: number;
  readonly minBytes?: number;
}

/** A member of a consumer group reading committed records, from the earliest where nothing was committed. Same partition numbers of all its topics go to the same member. */
export interface Consumer {
  /** A number takes effect at once, before this returns; 'earliest' and 'latest' when it resolves. */
  seek(at: TopicPartition & { readonly offset: Start }): Promise<void>;
  pause(partitions: readonly TopicPartition[]): void;
  resume(partitions: readonly TopicPartition[]): void;
  /** Tells the group how far this member is: for lag figures, and as the starting point of the next run where no other is kept. */
  commit(positions: readonly (TopicPartition & { readonly offset: number })[]): Promise<void>;
  close(): Promise<void>;
}
