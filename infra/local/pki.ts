// @peculiar/x509 asks its user to load this first.
import 'reflect-metadata';
import { createPrivateKey, randomBytes, type webcrypto, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { HeadwaterError, NAME } from '../../contract/index.ts';
import { makePrivateDir, readIfThere, writePrivate } from './private-files.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;
const CA_DAYS = 3_650;
const LEAF_DAYS = 397;
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

export interface CertificateRequest {
  /** Common name and file name. */
  readonly name: string;
  readonly dns?: readonly string[];
  readonly ips?: readonly string[];
  /** Default 397. */
  readonly days?: number;
  readonly server?: boolean;
  readonly client?: boolean;
}

export interface Certificate {
  readonly cert: string;
  readonly key: string;
  readonly certPath: string;
  readonly keyPath: string;
  /** Key, certificate and CA in one file, as Java's PEM key store wants it. */
  readonly bundlePath: string;
}

export interface Authority {
  readonly ca: string;
  readonly caPath: string;
  /** Gives the certificate of this name that is on disk, or a new one when there is none, it no longer fits or nears its end. */
  issue(request: CertificateRequest): Promise<Certificate>;
}

/** Opens the certificate authority in `dir`; makes it when there is none or when it nears its end. */
export async function openAuthority(dir: string, now: () => Date = () => new Date()): Promise<Authority> {
  makePrivateDir(dir);
  const caPath = join(dir, 'ca.pem');
  const keyPath = join(dir, 'ca.key');
  let ca = readIfThere(caPath);
  let key = readIfThere(keyPath);
  if (ca === undefined || key === undefined || !isSound(ca, key, now())) {
    ({ ca, key } = await makeAuthority(now()));
    writePrivate(keyPath, key);
    writePrivate(caPath, ca);
  }
  const signer = { ca, key };
  return { ca, caPath, issue: (request) => issue(dir, signer, request, now()) };
}

interface Signer {
  readonly ca: string;
  readonly key: string;
}

async function makeAuthority(now: Date): Promise<Signer> {
  const keys = await newKeys();
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    // A name of its own for each authority, so that a client never confuses two of them.
    name: `CN=Headwater local CA ${randomBytes(4).toString('hex')}`,
    ...validity(now, CA_DAYS),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { ca: pem(ca), key: await exportKey(keys.privateKey) };
}

async function issue(dir: string, signer: Signer, request: CertificateRequest, now: Date): Promise<Certificate> {
  if (!NAME.test(request.name)) {
    throw new HeadwaterError('CERTIFICATE_NAME', `"${request.name}" cannot be the name of a certificate`);
  }
  const paths = {
    certPath: join(dir, `${request.name}.pem`),
    keyPath: join(dir, `${request.name}.key`),
    bundlePath: join(dir, `${request.name}.bundle.pem`),
  };
  const [cert, key, bundle] = [paths.certPath, paths.keyPath, paths.bundlePath].map(readIfThere);
  if (cert && key && bundle === key + cert + signer.ca && fits(cert, key, signer.ca, request, now)) {
    return { cert, key, ...paths };
  }
  const made = await makeLeaf(signer, request, now);
  writePrivate(paths.keyPath, made.key);
  writePrivate(paths.certPath, made.cert);
  writePrivate(paths.bundlePath, made.key + made.cert + signer.ca);
  return { ...made, ...paths };
}

async function makeLeaf(signer: Signer, request: CertificateRequest, now: Date) {
  const issuer = new x509.X509Certificate(signer.ca);
  const keys = await newKeys();
  const leaf = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: `CN=${request.name}`,
    issuer: issuer.subject,
    ...validity(now, request.days ?? LEAF_DAYS),
    publicKey: keys.publicKey,
    signingKey: await importKey(signer.key),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(usages(request)),
      ...alternativeNames(request),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return { cert: pem(leaf), key: await exportKey(keys.privateKey) };
}

function fits(cert: string, key: string, ca: string, request: CertificateRequest, now: Date): boolean {
  const leaf = new X509Certificate(cert);
  return (
    isSound(cert, key, now) &&
    leaf.verify(new X509Certificate(ca).publicKey) &&
    (request.dns ?? []).every((name) => leaf.checkHost(name) !== undefined) &&
    (request.ips ?? []).every((ip) => leaf.checkIP(ip) !== undefined) &&
    usages(request).every((usage) => leaf.keyUsage.includes(usage))
  );
}

/** The key belongs to it and a third of its life is still to come. */
function isSound(cert: string, key: string, now: Date): boolean {
  const parsed = new X509Certificate(cert);
  const life = parsed.validToDate.getTime() - parsed.validFromDate.getTime();
  return parsed.checkPrivateKey(createPrivateKey(key)) && parsed.validToDate.getTime() - now.getTime() > life / 3;
}

const usages = (request: CertificateRequest): string[] => [
  ...(request.server ? [SERVER_AUTH] : []),
  ...(request.client ? [CLIENT_AUTH] : []),
];

function alternativeNames({ dns = [], ips = [] }: CertificateRequest): x509.Extension[] {
  if (dns.length + ips.length === 0) return [];
  const names = [
    ...dns.map((value) => ({ type: 'dns' as const, value })),
    ...ips.map((value) => ({ type: 'ip' as const, value })),
  ];
  return [new x509.SubjectAlternativeNameExtension(names)];
}

// An hour of grace at the front, for a clock that is a little behind.
const validity = (now: Date, days: number) => ({
  notBefore: new Date(now.getTime() - 3_600_000),
  notAfter: new Date(now.getTime() + days * DAY_MS),
});

// The first byte stays below 0x80, because a serial number is a positive integer.
const serialNumber = () => `01${randomBytes(15).toString('hex')}`;
const pem = (certificate: x509.X509Certificate) => `${certificate.toString('pem').trim()}\n`;
const newKeys = () => crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
const importKey = (key: string) =>
  crypto.subtle.importKey('pkcs8', createPrivateKey(key).export({ type: 'pkcs8', format: 'der' }), ALGORITHM, false, [
    'sign',
  ]);

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY').concat('\n');
}
