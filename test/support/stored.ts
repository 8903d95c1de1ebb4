import { Reading } from '../../contract/index.ts';
import { openBuffer } from '../../gateway/buffer/index.ts';
import type { GatewayConfig } from '../../gateway/config/index.ts';

/** Every reading in the buffer of a gateway that was closed. */
export async function storedReadings(config: GatewayConfig): Promise<Reading[]> {
  const { dir, maxBytes, maxAge, whenFull, liveWithin } = config.buffer;
  const buffer = await openBuffer({ dir, maxBytes, maxAgeMs: maxAge, whenFull, liveWithinMs: liveWithin });
  const found: Reading[] = [];
  for (const lane of ['alarm', 'live', 'backlog'] as const) {
    let after = 0;
    for (;;) {
      const records = await buffer.peek(lane, after, { records: 5_000, bytes: 10_000_000 });
      if (records.length === 0) break;
      for (const { kind, value } of records) if (kind === 'reading') found.push(Reading.parse(JSON.parse(value)));
      after = records.at(-1)!.sequence;
    }
  }
  await buffer.close();
  return found;
}
