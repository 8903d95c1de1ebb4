import { createHmac } from 'node:crypto';
import { post } from './http.ts';
import type { Channel } from './types.ts';

export interface HttpOptions {
  readonly url: string;
  readonly ca?: string | undefined;
  readonly token?: string | undefined;
  /** Ms since the epoch. */
  readonly clock: () => number;
}

export const bearer = (token: string | undefined): Record<string, string> =>
  token === undefined ? {} : { authorization: `Bearer ${token}` };

/** HMAC-SHA256 over the time and the body: a request that was heard cannot be changed, nor sent again later. Hex. */
export function signatureOf(secret: string, timestamp: string, body: string): string {
  return createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
}

/** The notification as it is, as JSON, with its id and, where there is a secret, a signature in the headers. */
export function webhook({
  url,
  ca,
  token,
  secret,
  clock,
}: HttpOptions & { readonly secret?: string | undefined }): Channel {
  return {
    send(notification, signal) {
      const now = clock();
      const body = JSON.stringify(notification);
      const timestamp = String(Math.floor(now / 1_000));
      const headers = {
        ...bearer(token),
        'headwater-id': notification.id,
        'headwater-timestamp': timestamp,
        ...(secret !== undefined && { 'headwater-signature': `v1=${signatureOf(secret, timestamp, body)}` }),
      };
      return post({ url, ca, body, headers, signal }, now);
    },
  };
}
