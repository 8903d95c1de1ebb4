import { readFileSync, statSync } from 'node:fs';
import { HeadwaterError } from '../../../contract/index.ts';
import { alertmanager } from './alertmanager.ts';
import type { ChannelConfig } from './config.ts';
import { email } from './email.ts';
import { ntfy } from './ntfy.ts';
import { slack } from './slack.ts';
import type { Channel } from './types.ts';
import { webhook } from './webhook.ts';

/**
 * Makes a channel of its settings, whose files have absolute names by now.
 * @throws HeadwaterError `CONFIG_MISSING` where a file cannot be read, `CONFIG_INVALID` where one with a secret is open to others
 */
export function openChannel(config: ChannelConfig, clock: () => number = Date.now): Channel {
  const secret = (file: string | undefined) => (file === undefined ? undefined : readSecret(file, config.name));
  const token = (file: string | undefined) => (file === undefined ? undefined : readToken(file, config.name));
  const ca = config.caFile === undefined ? undefined : read(config.caFile, config.name);
  switch (config.kind) {
    case 'webhook':
      return webhook({
        url: config.url,
        ca,
        clock,
        token: token(config.tokenFile),
        secret: secret(config.secretFile),
      });
    case 'email': {
      const { host, port, tls, from, to, username } = config;
      const login = username === undefined ? undefined : { user: username, pass: secret(config.passwordFile)! };
      return email({ host, port, tls, from, to, login, ca });
    }
    case 'slack':
      return slack({ url: readUrl(config.urlFile, config.name), ca, clock });
    case 'ntfy':
      return ntfy({ url: config.url, topic: config.topic, ca, clock, token: token(config.tokenFile) });
    case 'alertmanager':
      return alertmanager({ url: config.url, ca, clock, token: token(config.tokenFile) });
  }
}

function readUrl(file: string, channel: string): string {
  const text = readSecret(file, channel);
  if (/^https?:\/\/\S+$/.test(text) && URL.canParse(text)) return text;
  throw new HeadwaterError('CONFIG_INVALID', `alert channel ${channel}: ${file} holds no address such as https://…`);
}

function readToken(file: string, channel: string): string {
  const text = readSecret(file, channel);
  // In a header nothing else can stand; the channel would be tried for ever.
  if (/^[\x21-\x7e]+$/.test(text)) return text;
  throw new HeadwaterError(
    'CONFIG_INVALID',
    `alert channel ${channel}: ${file} should hold a token and nothing else, in one line`,
  );
}

function readSecret(file: string, channel: string): string {
  const text = read(file, channel).trim();
  const mode = statSync(file).mode & 0o777;
  if ((mode & 0o077) !== 0)
    throw new HeadwaterError(
      'CONFIG_INVALID',
      `alert channel ${channel}: others may read ${file} (mode ${mode.toString(8)}), which holds a secret; run chmod 600 on it`,
    );
  if (text === '') throw new HeadwaterError('CONFIG_INVALID', `alert channel ${channel}: ${file} is empty`);
  return text;
}

function read(file: string, channel: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new HeadwaterError(
      'CONFIG_MISSING',
      `alert channel ${channel}: a file cannot be read: ${(cause as Error).message}`,
      { cause },
    );
  }
}
