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
/** So often those are tried again whom the server puts off while others have the mail: some ten minutes, as long as servers put off whom they do not know. */
const MOST_TRIES = 15;

/** A notification that some have and some not yet. */
interface Begun {
  readonly waiting: readonly string[];
  readonly isTold: boolean;
  /** Who will never get it, and why. */
  readonly missed: readonly string[];
  readonly tries: number;
}

interface Refusal extends Error {
  readonly recipient: string;
  readonly responseCode?: number;
}

type SmtpError = Error & { code?: string; command?: string; responseCode?: number; rejectedErrors?: Refusal[] };

/**
 * E-mail by SMTP. The message's id is the notification's: a mailbox keeps one of two. Mails of one group are one conversation.
 *
 * A recipient whom the server puts off while others have the mail is tried again alone, and the channel waits meanwhile. Whom it puts off for MOST_TRIES has
 * missed this mail, and is waited for no more until there is one that reaches it: a mailbox that is full must not keep alerts from everybody else.
 */
export function email(options: EmailOptions): Channel {
  const { from, to } = options;
  let opening: Promise<Transporter> | undefined;
  const begun = new WeakMap<Notification, Begun>();
  const putOff = new Set<string>();

  function settle(notification: Notification, before: Begun, refusals: readonly Refusal[]): Outcome {
    const refused = new Set(refusals.map(({ recipient }) => recipient));
    const reached = before.waiting.filter((recipient) => !refused.has(recipient));
    for (const recipient of reached) putOff.delete(recipient);
    const isTold = before.isTold || reached.length > 0;
    const tries = before.tries + 1;
    const isOver = ({ recipient, responseCode = 0 }: Refusal) =>
      responseCode >= 500 || (isTold && (tries >= MOST_TRIES || putOff.has(recipient)));
    const over = refusals.filter(isOver);
    const missed = [...before.missed, ...over.map(said)];
    const later = refusals.filter((refusal) => !isOver(refusal));
    if (isTold) for (const { recipient, responseCode = 0 } of over) if (responseCode < 500) putOff.add(recipient);
    if (later.length > 0) {
      begun.set(notification, { waiting: later.map(({ recipient }) => recipient), isTold, missed, tries });
      return { kind: 'again', reason: short(`not yet taken for ${later.map(said).join('; ')}`) };
    }
    begun.delete(notification);
    if (!isTold) return { kind: 'refused', reason: short(missed.join('; ')) };
    if (missed.length === 0) return { kind: 'accepted', detail: 'sent' };
    return { kind: 'accepted', detail: short(`not taken for ${missed.join('; ')}`), missed: short(missed.join('; ')) };
  }

  return {
    async send(notification, signal) {
      const domain = from.slice(from.indexOf('@') + 1);
      const thread = createHash('sha256').update(notification.group).digest('hex').slice(0, 16);
      opening ??= openTransport(options);
      const transport = await opening;
      const before = begun.get(notification) ?? { waiting: to, isTold: false, missed: [], tries: 0 };
      const sending = transport
        .sendMail({
          from,
          to: [...to],
          envelope: { from, to: [...before.waiting] },
          subject: titleOf(notification),
          text: textOf(notification),
          messageId: `<${notification.id}@${domain}>`,
          references: `<group-${thread}@${domain}>`,
          headers: { 'x-headwater-id': notification.id, 'auto-submitted': 'auto-generated' },
        })
        .then(
          (info) => settle(notification, before, (info as { rejectedErrors?: Refusal[] }).rejectedErrors ?? []),
          (error: SmtpError) => {
            if (error.rejectedErrors !== undefined) return settle(notification, before, error.rejectedErrors);
            const outcome = outcomeOf(error);
            if (outcome.kind !== 'refused' || !before.isTold) return outcome;
            begun.delete(notification);
            return { kind: 'accepted', missed: outcome.reason } satisfies Outcome;
          },
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

/** A server's 5… about the message is its last word; about the login, the sender or the connection it is a thing to be mended. */
function outcomeOf({ code, command, responseCode = 0, message }: SmtpError): Outcome {
  const isLastWord = responseCode >= 500 && command !== 'MAIL FROM' && (code === 'EENVELOPE' || code === 'EMESSAGE');
  return { kind: isLastWord ? 'refused' : 'again', reason: short(message) };
}

const said = ({ recipient, message }: Refusal) => `${recipient}: ${message}`;
const short = (text: string) => text.replace(/\s+/g, ' ').slice(0, 300);
