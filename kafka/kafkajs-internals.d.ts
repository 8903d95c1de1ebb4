declare module 'kafkajs/src/broker/index.js' {
  /** One connection to a broker. */
  export default class Broker {
    fetch(request: object): Promise<import('./read-committed.ts').Fetched>;
  }
}
