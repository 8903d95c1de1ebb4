import http from 'node:http';
import https from 'node:https';
import type { Outcome } from './types.ts';

export interface Request {
  readonly url: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** PEM; the public authorities unless given. */
  readonly ca?: string | undefined;
  readonly signal: AbortSignal;
}

/** What the receiver says of the notification itself: sent again, it says so again. Everything else may be another thing tomorrow. */
const NEVER = new Set([400, 413, 414, 422]);
const LONGEST_RETRY_AFTER_MS = 3_600_000;
const SHOWN = 200;

/**
 * Sends JSON by POST. No redirect is followed: what is sent may be signed, and the address may be a secret; neither is in what it gives back.
 * @param now ms since the epoch
 */
export async function post(request: Request, now: number): Promise<Outcome> {
  try {
    const { status, retryAfter, text } = await exchange(request);
    if (status >= 200 && status < 300) return { kind: 'accepted', detail: `status ${status}` };
    const said = withoutAddress(text, request.url).trim().replace(/\s+/g, ' ').slice(0, SHOWN);
    const reason = `it answered with status ${status}${said && `: ${said}`}${hintOf(status)}`;
    if (NEVER.has(status)) return { kind: 'refused', reason };
    const afterMs = retryAfterMs(retryAfter, now);
    return { kind: 'again', reason, ...(afterMs !== undefined && { afterMs }) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { kind: 'again', reason: request.signal.aborted ? 'it did not answer in time' : (code ?? message) };
  }
}

/** Many a server says which path it does not know, and that may be the secret. */
function withoutAddress(text: string, url: string): string {
  const { pathname, search } = new URL(url);
  let hidden = text;
  for (const part of [pathname + search, pathname, search]) if (part.length > 1) hidden = hidden.replaceAll(part, '…');
  return hidden;
}

function hintOf(status: number): string {
  if (status === 401 || status === 403) return '; check the token';
  if (status === 404 || status === 410) return '; check the address';
  if (status >= 300 && status < 400) return '; redirects are not followed: give the address itself';
  return '';
}

function exchange(request: Request): Promise<{ status: number; retryAfter: string | undefined; text: string }> {
  const { url, body, headers = {}, ca, signal } = request;
  const bytes = Buffer.from(body);
  const isSecure = url.startsWith('https:');
  return new Promise((resolve, reject) => {
    const sent = (isSecure ? https : http).request(
      url,
      {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'content-length': bytes.length,
          'user-agent': 'headwater',
          ...headers,
        },
        signal,
        agent: false,
        ...(ca !== undefined && { ca }),
      },
      (answer) => {
        let text = '';
        const { statusCode: status = 0 } = answer;
        // It has it, whatever becomes of the rest of its answer.
        if (status >= 200 && status < 300) resolve({ status, retryAfter: undefined, text });
        answer.setEncoding('utf8');
        answer.on('data', (part: string) => {
          if (text.length < 4 * SHOWN) text += part;
        });
        answer.on('error', reject);
        answer.on('end', () => resolve({ status, retryAfter: answer.headers['retry-after'], text }));
      },
    );
    sent.on('error', reject);
    sent.end(bytes);
  });
}

/** Seconds, or a date. */
function retryAfterMs(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d+$/.test(text.trim()) ? Number(text) * 1_000 : Date.parse(text) - now;
  return Number.isFinite(ms) && ms >= 0 ? Math.min(ms, LONGEST_RETRY_AFTER_MS) : undefined;
}
