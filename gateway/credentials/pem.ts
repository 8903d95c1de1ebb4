import { createSecureContext } from 'node:tls';
import { HeadwaterError } from '../../contract/index.ts';
import { parseCertificates } from '../../kafka/index.ts';
import { readSecret } from '../config/index.ts';

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/**
 * The certificates of a PEM file, as they stand in it. `at` is the setting that names the file.
 * @throws HeadwaterError `SECRET_MISSING`, or `CERTIFICATE_UNREADABLE` where there is none or not all are whole
 */
export function readCertificates(path: string, at: string): string {
  const pem = readSecret(path, `the file ${at}`);
  try {
    if (parseCertificates(pem).length !== pem.split('-----BEGIN CERTIFICATE').length - 1)
      throw new Error('one is cut short');
  } catch (cause) {
    throw unreadable(`${at} (${path})`, cause);
  }
  return pem;
}

/**
 * A certificate and its private key, which fit each other. `at` is the setting that holds both file names.
 * @throws HeadwaterError `SECRET_MISSING`, `CERTIFICATE_UNREADABLE`, or `CERTIFICATE_PAIR` where they do not fit
 */
export function readPair(files: { readonly certFile: string; readonly keyFile: string }, at: string): Pair {
  const cert = readCertificates(files.certFile, `${at}.certFile`);
  const key = readSecret(files.keyFile, `the file ${at}.keyFile`);
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    const what = `${at}.certFile (${files.certFile}) and ${at}.keyFile (${files.keyFile})`;
    const message = `${what} do not fit each other: ${(cause as Error).message}. Write the certificate and the key that belongs to it.`;
    throw new HeadwaterError('CERTIFICATE_PAIR', message, { cause });
  }
  return { cert, key };
}

function unreadable(what: string, cause: unknown): HeadwaterError {
  const message = `${what} holds no whole certificates: ${(cause as Error).message}. It must be PEM.`;
  return new HeadwaterError('CERTIFICATE_UNREADABLE', message, { cause });
}
