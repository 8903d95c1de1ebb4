import { z } from 'zod';
import { duration, type HeadwaterError, name, SEVERITIES } from '../../../contract/index.ts';
import { DEFAULT_TIMES, parseMatcher } from '../notify/index.ts';

const file = z.string().min(1);
const url = z.url({ protocol: /^https?$/, error: 'must be an address that begins with http:// or https://' });

const matcher = z.string().transform((text, context) => {
  try {
    return parseMatcher(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as HeadwaterError).message });
    return z.NEVER;
  }
});

const ofEvery = {
  name: name.describe('Unique among the channels of a platform; it names the consumer group that keeps the position.'),
  severities: z
    .array(z.enum(SEVERITIES))
    .min(1)
    .default([...SEVERITIES])
    .describe('Which alerts it is told.'),
  match: z
    .array(matcher)
    .default([])
    .describe('Which alerts it is told: all of these fit, such as site=roof, rule=web-*.'),
  resolved: z.boolean().default(true).describe('Whether it is told that alerts are over.'),
};
const overHttp = {
  caFile: file
    .optional()
    .describe('PEM file of the authority that signed the server’s certificate, where it is none of the public ones.'),
  tokenFile: file.optional().describe('File with a token, sent as `authorization: Bearer`.'),
};

export const ChannelConfig = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('webhook'),
    ...ofEvery,
    url,
    secretFile: file.optional().describe('File with the secret that signs each request.'),
    ...overHttp,
  }),
  z.strictObject({
    kind: z.literal('email'),
    ...ofEvery,
    host: z.string().min(1),
    port: z.int().min(1).max(65_535).default(587),
    tls: z
      .enum(['starttls', 'implicit', 'none'])
      .default('starttls')
      .describe('`starttls` is required, not only tried; `implicit` is usual on port 465; `none` takes no login.'),
    username: z.string().min(1).optional(),
    passwordFile: file.optional(),
    from: z.email(),
    to: z.array(z.email()).min(1),
    caFile: overHttp.caFile,
  }),
  z.strictObject({
    kind: z.literal('slack'),
    ...ofEvery,
    urlFile: file.describe('File with the address of the incoming webhook: whoever knows it can write there.'),
    caFile: overHttp.caFile,
  }),
  z.strictObject({
    kind: z.literal('ntfy'),
    ...ofEvery,
    url: url.default('https://ntfy.sh'),
    topic: z.string().regex(/^[-_A-Za-z0-9]{1,64}$/, 'must be 1–64 of A–Z a–z 0–9 _ -'),
    ...overHttp,
  }),
  z.strictObject({
    kind: z.literal('alertmanager'),
    ...ofEvery,
    url: url.describe('Without /api/v2.'),
    ...overHttp,
  }),
]);
export type ChannelConfig = z.output<typeof ChannelConfig>;

export const AlertsConfig = z
  .strictObject({
    groupWait: duration
      .default(DEFAULT_TIMES.groupWaitMs)
      .describe('How long a group is waited for before it is told for the first time.'),
    groupInterval: duration
      .default(DEFAULT_TIMES.groupIntervalMs)
      .describe('How long after a group was told what is new in it is told, at the earliest.'),
    repeatEvery: duration
      .pipe(z.number().min(60_000, 'must be at least 1m; 36500d is never'))
      .default(DEFAULT_TIMES.repeatMs)
      .describe('How long after a group was told it is told again, where it fires on and nothing is new.'),
    channels: z.array(ChannelConfig).default([]),
  })
  .superRefine(({ channels }, context) => {
    for (const [i, channel] of channels.entries()) {
      const issue = (field: string, message: string) =>
        context.addIssue({ code: 'custom', path: ['channels', i, field], message });
      if (channels.findIndex(({ name }) => name === channel.name) < i)
        issue('name', `there are two channels ${channel.name}`);
      if (channel.kind !== 'email') continue;
      const { username, passwordFile, tls } = channel;
      if ((username === undefined) !== (passwordFile === undefined))
        issue(username === undefined ? 'username' : 'passwordFile', 'username and passwordFile come together');
      if (tls === 'none' && username !== undefined)
        issue('tls', 'a password is sent over TLS only: set starttls or implicit, or leave out the login');
    }
  });
export type AlertsConfig = z.output<typeof AlertsConfig>;

/** The files that a channel names: those with secrets, and others. */
export const SECRET_FILES = ['secretFile', 'tokenFile', 'passwordFile', 'urlFile'] as const;
export const PLAIN_FILES = ['caFile'] as const;
