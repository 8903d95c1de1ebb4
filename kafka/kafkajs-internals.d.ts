declare module 'kafkajs/src/broker/index.js' {
  /** One connection to a broker. */
  export default class Broker {
    fetch(request: object): Promise<import('./read-committed.ts').Fetched>;
  }
}

declare module 'kafkajs/src/network/requestQueue/index.js' {
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
    readonly pending: readonly unknown[];
    throttleCheckTimeoutId: NodeJS.Timeout | null;
    push(request: object): void;
    fulfillRequest(answer: { correlationId: number; payload: Buffer; size: number }): void;
    scheduleCheckPendingRequests(): void;
    destroy(): void;
  }
}
