import { post } from './http.ts';
import { linesOf, titleOf, worstOf } from './text.ts';
import type { Channel } from './types.ts';
import { bearer, type HttpOptions } from './webhook.ts';

const PRIORITIES = { info: 2, warning: 3, critical: 5 } as const;
const TAGS = { info: 'information_source', warning: 'warning', critical: 'rotating_light' } as const;
/** Longer messages become attachments. */
const MOST_BYTES = 4_000;
/** A request of more than 8 KiB is refused for good: quotes count twice in it, and besides there is the title. */
const MOST_JSON_BYTES = 6_000;
const MOST_OF_TITLE = 250;

/** https://ntfy.sh or a server of one's own, by its JSON interface. */
export function ntfy({ url, topic, ca, token, clock }: HttpOptions & { readonly topic: string }): Channel {
  return {
    send(notification, signal) {
      const worst = worstOf(notification);
      const isOver = notification.state === 'resolved';
      const message = {
        topic,
        title: titleOf(notification).slice(0, MOST_OF_TITLE),
        message: clip(linesOf(notification).join('\n')),
        priority: isOver ? 2 : PRIORITIES[worst],
        tags: [isOver ? 'white_check_mark' : TAGS[worst]],
      };
      const headers = { ...bearer(token), 'headwater-id': notification.id };
      return post({ url, ca, body: JSON.stringify(message), headers, signal }, clock());
    },
  };
}

function clip(text: string): string {
  let kept = cut(text);
  while (Buffer.byteLength(JSON.stringify(kept)) > MOST_JSON_BYTES) kept = `${kept.slice(0, -100)}…`;
  return kept;
}

function cut(text: string): string {
  const bytes = Buffer.from(text);
  return bytes.length <= MOST_BYTES
    ? text
    : `${bytes
        .subarray(0, MOST_BYTES - 4)
        .toString()
        .replace(/\uFFFD$/, '')}…`;
}
