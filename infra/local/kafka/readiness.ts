import type { ConnectionOptions } from 'node:tls';
import { openWire, Writer } from './wire.ts';

const METADATA = { key: 3, version: 4, flexible: false };

/** The brokers that this broker knows to be alive: registered and no longer fenced. */
export async function liveBrokers(port: number, tls: ConnectionOptions): Promise<number[]> {
  const wire = await openWire(port, tls);
  try {
    const NO_TOPICS = 0;
    const answer = await wire.request(METADATA, new Writer().int32(NO_TOPICS).int8(0).bytes());
    answer.int32(); // Throttle time.
    return answer.array(answer.int32(), () => {
      const id = answer.int32();
      answer.string();
      answer.int32();
      answer.string();
      return id;
    });
  } finally {
    wire.close();
  }
}
