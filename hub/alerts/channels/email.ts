import { createHash } from 'node:crypto';
import type { Transporter } from 'nodemailer';
import type { Notification } from '../../../contract/index.ts';
import { linesOf, titleOf } from './text.ts';
import type { Channel, Outcome } from './types.ts';

export interface EmailOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: 'starttls' | 'implicit' | 'none';
  readonly login?: { readonly user: string; readonly pass: string } | undefined;
  readonly from: string;
  readonly to: readonly string[];
  readonly ca?: string | undefined;
}

const MOST_LINES = 100;

/** E-mail by SMTP. The message's id is the notification's: a mailbox keeps one of two. Mails of one group are one conversation. */
export function email(options: EmailOptions): Channel {
  const { from, to } = options;
  let opening: Promise<Transporter> | undefined;
  return {
    async send(notification, signal) {
      const domain = from.slice(from.indexOf('@') + 1);
      const thread = createHash('sha256').update(notification.group).digest('hex').slice(0, 16);
      opening ??= openTransport(options);
      const transport = await opening;
      const sending = transport
        .sendMail({
          from,
          to: [...to],
          subject: titleOf(notification),
          text: textOf(notification),
          messageId: `<${notification.id}@${domain}>`,
          references: `<group-${thread}@${domain}>`,
          headers: { 'x-headwater-id': notification.id, 'auto-submitted': 'auto-generated' },
        })
        .then(
          ({ rejected = [] }): Outcome => ({
            kind: 'accepted',
            detail: rejected.length > 0 ? `not taken for ${rejected.join(', ')}` : 'sent',
          }),
          outcomeOf,
        );
      const ended = Promise.withResolvers<Outcome>();
      const end = () => ended.resolve({ kind: 'again', reason: 'it did not answer in time' });
      if (signal.aborted) end();
      signal.addEventListener('abort', end);
      try {
        return await Promise.race([sending, ended.promise]);
      } finally {
        signal.removeEventListener('abort', end);
      }
    },
  };
}

/** The library is read only where there is such a channel: a hub without one is some megabytes smaller. */
async function openTransport({ host, port, tls, login, ca }: EmailOptions): Promise<Transporter> {
  const { default: nodemailer } = await import('nodemailer');
  return nodemailer.createTransport({
    host,
    port,
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    ...(login && { auth: login }),
    tls: { minVersion: 'TLSv1.2', ...(ca !== undefined && { ca }) },
    connectionTimeout: 10_000,
    greetingTimeout: 10_000,
    socketTimeout: 20_000,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}

function textOf(notification: Notification): string {
  return [titleOf(notification), '', ...linesOf(notification, MOST_LINES), '', `notification ${notification.id}`].join(
    '\n',
  );
}

/** A server's 5… about the message or all its recipients is its last word; about the login, the sender or the connection it is a thing to be mended. */
function outcomeOf(error: Error & { code?: string; command?: string; responseCode?: number }): Outcome {
  const { code, command, responseCode = 0, message } = error;
  const isLastWord = responseCode >= 500 && command !== 'MAIL FROM' && (code === 'EENVELOPE' || code === 'EMESSAGE');
  return { kind: isLastWord ? 'refused' : 'again', reason: message.replace(/\s+/g, ' ').slice(0, 300) };
}
