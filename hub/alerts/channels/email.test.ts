import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Notification } from '../../../contract/index.ts';
import { parseConfig } from '../../../contract/index.ts';
import { openAuthority } from '../../../infra/local/index.ts';
import { AlertsConfig } from './config.ts';
import { openChannel } from './open.ts';
import { testNotification } from './test-notification.ts';

const T = Date.UTC(2026, 10, 2, 12);
const notification: Notification = { ...testNotification('mail', T), id: 'n-1', group: 'g' };
const soon = () => AbortSignal.timeout(60_000);

let dir: string;
let tls: { cert: string; key: string };
let caFile: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'headwater-email-'));
  const authority = await openAuthority(dir);
  const { cert, key } = await authority.issue({ name: 'smtp', ips: ['127.0.0.1'], server: true });
  tls = { cert, key };
  caFile = authority.caPath;
});
afterAll(() => rmSync(dir, { recursive: true }));

interface Mail {
  readonly to: string[];
  readonly text: string;
  readonly secure: boolean;
  readonly user: string | undefined;
}

/** A real SMTP server that asks for a login. */
async function serve(options: SMTPServerOptions = {}) {
  const mails: Mail[] = [];
  const server = new SMTPServer({
    ...tls,
    onAuth: ({ username, password }, _session, callback) =>
      username === 'hub' && password === 'swordfish'
        ? callback(null, { user: username })
        : callback(new Error('wrong password')),
    onData(stream, session, callback) {
      let text = '';
      stream.setEncoding('utf8');
      stream.on('data', (part: string) => {
        text += part;
      });
      stream.on('end', () => {
        const to = session.envelope.rcptTo.map(({ address }) => address);
        mails.push({ to, text, secure: session.secure, user: session.user });
        callback();
      });
    },
    ...options,
  });
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;
  return { mails, port, close: () => new Promise<void>((resolve) => server.close(() => resolve())) };
}

function open(port: number, more: object = {}) {
  const passwordFile = join(dir, 'password');
  writeFileSync(passwordFile, 'swordfish\n', { mode: 0o600 });
  const settings = {
    ...{ name: 'mail', kind: 'email', host: '127.0.0.1', port, username: 'hub', passwordFile, caFile },
    ...{ from: 'hub@example.org', to: ['mira@example.org', 'ben@example.org'], ...more },
  };
  const text = JSON.stringify({ channels: [settings] });
  const { channels } = parseConfig(AlertsConfig, { text, file: 'hub.yaml', env: {}, prefix: 'X' });
  return openChannel(channels[0]!);
}

test.each([
  ['starttls', false],
  ['implicit', true],
])('a mail goes out over TLS (%s) with a login; its id is the notification’s', async (mode, secure) => {
  const server = await serve({ secure });
  try {
    const channel = open(server.port, { tls: mode });
    expect(await channel.send(notification, soon())).toEqual({ kind: 'accepted', detail: 'sent' });
    await channel.send(notification, soon());
    const [first, second] = server.mails;
    expect(first).toMatchObject({ to: ['mira@example.org', 'ben@example.org'], secure: true, user: 'hub' });
    expect(first!.text).toMatch(/^Subject: \[test\] \[firing: 1\] headwater-test\r$/m);
    expect(first!.text).toMatch(/^Message-ID: <n-1@example.org>\r$/m);
    expect(second!.text).toMatch(/^Message-ID: <n-1@example.org>\r$/m);
    expect(first!.text).toContain('nothing is wrong');
  } finally {
    await server.close();
  }
});

test('what a visitor of a web site asked for makes no header and no further recipient of a mail', async () => {
  const server = await serve();
  try {
    const path = '/ä\r\nBcc: eve@example.com\r\n\r\nall is well\n';
    const labels = { rule: 'web-errors', path };
    const alerts = [{ ...notification.alerts[0]!, summary: `${path} fails`, labels }];
    await open(server.port).send({ ...notification, group: path, labels, alerts }, soon());
    const [{ to, text }] = server.mails as [Mail];
    expect(to).toEqual(['mira@example.org', 'ben@example.org']);
    const [head, body] = text.split('\r\n\r\n') as [string, string];
    expect(head).not.toMatch(/^Bcc/im);
    expect(head.match(/^Subject/gim)).toHaveLength(1);
    expect(body).not.toMatch(/^(Bcc|all is well)/m);
  } finally {
    await server.close();
  }
});

test('a server that offers no TLS, or is not who it says, gets neither password nor mail', async () => {
  const plain = await serve({ disabledCommands: ['STARTTLS'], allowInsecureAuth: true });
  const foreign = await serve();
  try {
    expect(await open(plain.port).send(notification, soon())).toMatchObject({ kind: 'again' });
    const outcome = await open(foreign.port, { caFile: undefined }).send(notification, soon());
    expect(outcome).toMatchObject({ kind: 'again', reason: expect.stringMatching(/certificate/) });
    expect([...plain.mails, ...foreign.mails]).toEqual([]);
  } finally {
    await plain.close();
    await foreign.close();
  }
});

test('a wrong password and a server that is away are for later; what the server will never take is refused', async () => {
  const wrong = await serve({ onAuth: (_auth, _session, callback) => callback(new Error('wrong password')) });
  const busy = await serve({
    onMailFrom: (_address, _session, callback) =>
      callback(Object.assign(new Error('try later'), { responseCode: 451 })),
  });
  const foreign = await serve({
    onMailFrom: (_address, _session, callback) =>
      callback(Object.assign(new Error('not your address'), { responseCode: 553 })),
  });
  const strict = await serve({
    onRcptTo: (_address, _session, callback) =>
      callback(Object.assign(new Error('no such mailbox'), { responseCode: 550 })),
  });
  const half = await serve({
    onRcptTo: ({ address }, _session, callback) =>
      callback(address.startsWith('ben') ? Object.assign(new Error('no such mailbox'), { responseCode: 550 }) : null),
  });
  const large = await serve({
    onData(stream, _session, callback) {
      stream.resume();
      stream.on('end', () => callback(Object.assign(new Error('too large'), { responseCode: 552 })));
    },
  });
  try {
    const outcomes = [];
    for (const { port } of [wrong, busy, foreign, strict, half, large])
      outcomes.push(await open(port).send(notification, soon()));
    expect(outcomes).toMatchObject([
      { kind: 'again', reason: expect.stringContaining('wrong password') },
      { kind: 'again', reason: expect.stringContaining('try later') },
      { kind: 'again', reason: expect.stringContaining('not your address') },
      { kind: 'refused', reason: expect.stringContaining('no such mailbox') },
      {
        kind: 'accepted',
        detail: expect.stringMatching(/^not taken for ben@example.org: .*no such mailbox/),
        missed: expect.stringMatching(/^ben@example.org: .*no such mailbox/),
      },
      { kind: 'refused', reason: expect.stringContaining('too large') },
    ]);
    expect(JSON.stringify(outcomes)).not.toContain('swordfish');
    const { port } = wrong;
    await wrong.close();
    expect(await open(port).send(notification, soon())).toMatchObject({ kind: 'again' });
  } finally {
    for (const server of [busy, foreign, strict, half, large]) await server.close();
  }
});

test('who is put off while others have the mail is tried again alone, with the same mail, and others hear of it once', async () => {
  let putOff = 2;
  const server = await serve({
    onRcptTo: ({ address }, _session, callback) =>
      callback(
        address.startsWith('ben') && putOff-- > 0
          ? Object.assign(new Error('greylisted'), { responseCode: 450 })
          : null,
      ),
  });
  try {
    const channel = open(server.port);
    const outcomes = [];
    for (let i = 0; i < 3; i++) outcomes.push(await channel.send(notification, soon()));
    const later = { kind: 'again', reason: expect.stringMatching(/^not yet taken for ben@example.org: .*greylisted/) };
    expect(outcomes).toEqual([later, later, { kind: 'accepted', detail: 'sent' }]);
    expect(server.mails.map(({ to }) => to)).toEqual([['mira@example.org'], ['ben@example.org']]);
    for (const { text } of server.mails) expect(text).toMatch(/^Message-ID: <n-1@example.org>\r$/m);
  } finally {
    await server.close();
  }
});

test('a mailbox that is full for days misses mails and says so, and keeps nobody else waiting after the first', async () => {
  let isFull = true;
  const server = await serve({
    onRcptTo: ({ address }, _session, callback) =>
      callback(isFull && address.startsWith('ben') ? Object.assign(new Error('full'), { responseCode: 452 }) : null),
  });
  try {
    const channel = open(server.port);
    const tell = async () => {
      const one = { ...notification };
      for (let tries = 1; ; tries++) {
        const outcome = await channel.send(one, soon());
        if (outcome.kind !== 'again') return { tries, ...outcome };
      }
    };
    const missed = expect.stringMatching(/^ben@example.org: .*full/);
    expect(await tell()).toMatchObject({ tries: 15, kind: 'accepted', missed });
    expect(await tell()).toMatchObject({ tries: 1, kind: 'accepted', missed });
    expect(server.mails.map(({ to }) => to)).toEqual([['mira@example.org'], ['mira@example.org']]);
    isFull = false;
    expect(await tell()).toMatchObject({ tries: 1, kind: 'accepted', detail: 'sent' });
    // It is waited for again.
    isFull = true;
    expect(await channel.send({ ...notification }, soon())).toMatchObject({ kind: 'again' });
  } finally {
    await server.close();
  }
});
