import { post } from './http.ts';
import { linesOf, titleOf } from './text.ts';
import type { Channel } from './types.ts';
import type { HttpOptions } from './webhook.ts';

/** Slack's incoming webhooks and what takes the same: Mattermost, Rocket.Chat. */
export function slack({ url, ca, clock }: HttpOptions): Channel {
  return {
    send(notification, signal) {
      const text = [
        `*${escaped(titleOf(notification))}*`,
        ...linesOf(notification).map((line) => `• ${escaped(line)}`),
      ];
      return post({ url, ca, body: JSON.stringify({ text: text.join('\n') }), signal }, clock());
    },
  };
}

/**
 * A summary may hold what a visitor of a web site asked for: it must not become a link, or call everybody in the room. Slack does that by `<…>`;
 * Mattermost and Rocket.Chat by `@all` and `[text](address)`, in which a character without width does no harm.
 */
function escaped(text: string): string {
  const plain = text.replace(/@(?=(all|channel|here|everyone)\b)/gi, '@\u200b').replaceAll('](', ']\u200b(');
  return plain.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
