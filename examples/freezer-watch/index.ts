import { decode, ReadingWindow, TOPICS } from '../../contract/index.ts';
import { type Consumer, type KafkaSettings, openConsumer } from '../../kafka/index.ts';

export interface Warm {
  readonly device: string;
  readonly site: string | null;
  /** Mean of the window, Cel. */
  readonly temperature: number;
  readonly windowEnd: number;
}

/**
 * Calls back for every 10 s window in which a cold store was warmer than `limit` (Cel) on average. Connect as the user `page`, which may read results.
 * @throws HeadwaterError `KAFKA_…`
 */
export function watchFreezers(
  kafka: KafkaSettings,
  limit: number,
  onWarm: (warm: Warm) => void,
  onFailed: (error: Error) => void,
): Promise<Consumer> {
  return openConsumer(kafka, {
    groupId: 'page.freezer-watch',
    topics: [TOPICS.readings10s.name],
    onFailed,
    onBatch: async ({ records }) => {
      for (const record of records) {
        const { data: window } = ReadingWindow.safeParse(decode(record.value));
        if (window?.type !== 'cold store' || window.metric !== 'temperature' || window.mean <= limit) continue;
        onWarm({ device: window.device, site: window.site, temperature: window.mean, windowEnd: window.windowEnd });
      }
      return undefined;
    },
  });
}
