import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { type ConnectionOptions, connect } from 'node:tls';
import type kafkajs from 'kafkajs';
import type { OnBrokerCertificate } from './types.ts';

const KEEP_ALIVE_MS = 60_000;
/** kafkajs only ever ends its side of a connection: where the other side hangs, the socket would stay for as long as the process. */
const END_MS = 5_000;

/** Connections of one kafkajs client. `onCertificate` hears of each broker's certificate, once its chain was found good. */
export function socketFactory(onCertificate: OnBrokerCertificate = () => {}): kafkajs.ISocketFactory {
  return ({ host, port, ssl, onConnect }) => {
    const servername = isIP(host) === 0 ? { servername: host } : {};
    const socket = connect({ host, port, ...servername, ...(ssl as ConnectionOptions) }, () => {
      // On a busy machine the handshake may end after kafkajs has given the connection up; told of it now, it would write to a socket that is being closed.
      if (late !== undefined) return;
      const certificate = socket.getPeerX509Certificate();
      if (certificate) onCertificate(`${host}:${port}`, firstExpiry(certificate));
      onConnect();
    });
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    const end = socket.end.bind(socket) as () => typeof socket;
    let late: NodeJS.Timeout | undefined;
    socket.once('close', () => clearTimeout(late));
    // kafkajs ends a connection once for each request that it gives up with it.
    socket.end = () => {
      late ??= setTimeout(() => socket.destroy(), END_MS).unref();
      return end();
    };
    return socket;
  };
}

/** When the first certificate of a chain expires, ms since the epoch. The chain ends at a certificate that signed itself. */
function firstExpiry(leaf: X509Certificate): number {
  let first = Number.POSITIVE_INFINITY;
  const seen = new Set<string>();
  for (let at: X509Certificate | undefined = leaf; at && !seen.has(at.fingerprint256); at = at.issuerCertificate) {
    seen.add(at.fingerprint256);
    first = Math.min(first, at.validToDate.getTime());
  }
  return first;
}
