import { z } from 'zod';
import { file } from './common.ts';

export const kafka = z.strictObject({
  brokers: z.array(z.string().regex(/^.+:\d+$/, 'must be host:port')).min(1),
  caFile: file.describe('PEM file of the authority that signed the brokers’ certificates.'),
  username: z.string().min(1).default('gateway'),
  passwordFile: file.describe('File that holds the password, with nothing else in it.'),
});
