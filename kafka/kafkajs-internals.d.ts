declare module 'kafkajs/src/protocol/requests/fetch/index.js' {
  export interface FetchProtocol {
    readonly request: object;
    readonly requestTimeout: number;
    readonly response: {
      decode(bytes: Buffer): Promise<{
        readonly throttleTime: number;
        readonly clientSideThrottleTime: number;
        readonly errorCode: number;
        readonly sessionId: number;
        readonly responses: readonly {
          readonly topicName: string;
          readonly partitions: readonly (import('./read-committed.ts').FetchedPartition & {
            readonly partition: number;
            readonly errorCode: number;
          })[];
        }[];
      }>;
      parse(decoded: object): Promise<object>;
    };
  }
  export interface FetchOptions {
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly fetchOffset: string }[];
    }[];
    readonly rackId?: string | import('./fetch-response.ts').OnOutOfRange;
  }
  const Fetch: {
    versions: readonly string[];
    /** Of the given version: what makes a request and reads its answer. */
    protocol: (of: { readonly version: number }) => (options: FetchOptions) => FetchProtocol;
  };
  export default Fetch;
}

declare module 'kafkajs/src/network/requestQueue/index.js' {
  interface SocketRequest {
    /** By the wall clock, ms. */
    readonly sentAt: number;
    readonly requestTimeout: number;
    timeoutRequest(): void;
  }
  /** Requests of one connection: on their way, and waiting for room. */
  export default class RequestQueue {
    constructor(options: {
      readonly maxInFlightRequests: number;
      readonly requestTimeout: number;
      readonly enforceRequestTimeout: boolean;
      readonly clientId: string;
      readonly broker: string;
      readonly logger: { debug(message: string, extra?: object): void; warn(message: string, extra?: object): void };
      readonly isConnected: () => boolean;
    });
    readonly enforceRequestTimeout: boolean;
    readonly requestTimeout: number;
    readonly isConnected: () => boolean;
    readonly pending: readonly unknown[];
    /** By their correlation ids. */
    readonly inflight: ReadonlyMap<number, SocketRequest>;
    throttleCheckTimeoutId: NodeJS.Timeout | null;
    requestTimeoutIntervalId: NodeJS.Timeout | undefined;
    push(request: object): void;
    sendSocketRequest(request: SocketRequest): void;
    fulfillRequest(answer: { correlationId: number; payload: Buffer; size: number }): void;
    scheduleCheckPendingRequests(): void;
    scheduleRequestTimeoutCheck(): void;
    destroy(): void;
  }
}

declare module 'kafkajs/src/protocol/requests/produce/index.js' {
  type Asked = import('./produce-request.ts').ProduceRequest;
  type Made = {
    readonly request: { readonly apiVersion: number; encode(): Promise<import('./produce-request.ts').Encoded> };
    readonly response: object;
  };
  /** The versions of one request. */
  const produce: { protocol(wanted: { readonly version: number }): (asked: Asked) => Made };
  export default produce;
}

declare module 'kafkajs/src/protocol/requests/produce/v7/request.js' {
  export default function request(asked: import('./produce-request.ts').ProduceRequest): {
    encode(): Promise<import('./produce-request.ts').Encoded>;
  };
}

declare module 'kafkajs/src/protocol/decoder.js' {
  export default class Decoder {
    constructor(bytes: Buffer);
    readInt16(): number;
    readInt32(): number;
    /** A big integer of kafkajs's own. */
    readInt64(): { toString(): string };
    readUVarInt(): number;
    readUVarIntString(): string | null;
    readTaggedFields(): void;
  }
}

declare module 'kafkajs/src/protocol/recordBatch/v0/decoder.js' {
  export default function decode(batch: import('kafkajs/src/protocol/decoder.js').default): Promise<{
    readonly producerId: string;
    readonly producerEpoch: number;
    readonly firstSequence: number;
    readonly inTransaction: boolean;
    readonly lastOffsetDelta: number;
    readonly records: readonly {
      readonly offset: string;
      readonly key: Buffer | null;
      readonly value: Buffer | null;
    }[];
  }>;
}

declare module 'kafkajs/src/producer/groupMessagesPerPartition.js' {
  import type { Message } from 'kafkajs';

  export default function group(of: {
    readonly topic: string;
    readonly partitionMetadata: readonly unknown[];
    readonly messages: Message[];
    readonly partitioner: (asked: { readonly message: Message }) => number;
  }): Readonly<Record<string, readonly Message[]>>;
}

declare module 'kafkajs/src/cluster/index.js' {
  type Encoded = import('./produce-request.ts').Encoded;
  /** The connections of one client. */
  export default class Cluster {
    constructor(options: object);
    /** Names of topics whose partitions the client wants to know. */
    readonly targetTopics: ReadonlySet<string>;
    addTargetTopic(topic: string): Promise<void>;
    refreshMetadata(): Promise<void>;
    refreshMetadataIfNecessary(): Promise<void>;
    /** None where the topic is not known. */
    findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number }[];
    /** To the first broker of its list that lets it in. */
    connect(): Promise<void>;
    disconnect(): Promise<void>;
    readonly brokerPool: {
      readonly metadata: { readonly topicMetadata: readonly { readonly topic: string }[] } | undefined;
      readonly seedBroker: {
        readonly connectionPool: {
          send<T, U>(protocol: {
            readonly request: {
              readonly apiKey: number;
              readonly apiVersion: number;
              readonly apiName: string;
              encode(): Promise<Encoded>;
            };
            readonly response: { decode(bytes: Buffer): Promise<T>; parse(decoded: T): Promise<U> };
          }): Promise<U>;
        };
      };
    };
  }
}

declare module 'kafkajs/src/protocol/requests/metadata/v6/request.js' {
  /** No topics: all that the user may see. */
  export default function request(of: {
    readonly topics: readonly string[];
    readonly allowAutoTopicCreation: boolean;
  }): {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    encode(): Promise<import('./produce-request.ts').Encoded>;
  };
}

declare module 'kafkajs/src/protocol/requests/metadata/v6/response.js' {
  const response: {
    decode(bytes: Buffer): Promise<{
      readonly brokers: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[];
      readonly topicMetadata: readonly {
        readonly topic: string;
        readonly partitionMetadata: readonly {
          readonly partitionId: number;
          /** -1 where there is none. */
          readonly leader: number;
          readonly replicas: readonly number[];
          readonly isr: readonly number[];
        }[];
      }[];
    }>;
  };
  export default response;
}
