import { z } from 'zod';
import { file } from './common.ts';

export const kafka = z
  .strictObject({
    brokers: z
      .array(z.string().refine(isBroker, 'must be host:port, such as kafka-1.example.org:9093'))
      .min(1)
      .describe('host:port of brokers to ask first; they tell the others.'),
    caFile: file.describe('PEM file of the authority that signed the brokers’ certificates; it may hold several.'),
    username: z.string().min(1).optional().describe('User of SASL/SCRAM-SHA-512; gateway unless given.'),
    passwordFile: file.optional().describe('File that holds the password, with nothing else in it.'),
    certFile: file.optional().describe('For mutual TLS instead of a password: PEM certificate of this gateway.'),
    keyFile: file.optional().describe('The certificate’s private key (PEM, without a passphrase).'),
  })
  .superRefine(({ username, passwordFile, certFile, keyFile }, context) => {
    const problem = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    const choice = 'give passwordFile (SASL/SCRAM), or certFile and keyFile (mutual TLS)';
    const certificate = certFile ?? keyFile;
    if (passwordFile === undefined && certificate === undefined) problem('passwordFile', `is missing: ${choice}`);
    if (passwordFile !== undefined && certificate !== undefined) {
      problem('passwordFile', `stands beside a certificate: ${choice}, not both`);
    }
    if (username !== undefined && certificate !== undefined) {
      problem('username', 'has no meaning with a certificate, which names the user itself: remove one of the two');
    }
    if (certFile !== undefined && keyFile === undefined) problem('keyFile', 'is missing: certFile needs its key');
    if (keyFile !== undefined && certFile === undefined)
      problem('certFile', 'is missing: keyFile needs its certificate');
  });

function isBroker(text: string): boolean {
  const [, port] = /^(?:[\w.-]+|\[[0-9a-fA-F:.]+\]):(\d+)$/.exec(text) ?? [];
  return Number(port) >= 1 && Number(port) <= 65_535;
}
