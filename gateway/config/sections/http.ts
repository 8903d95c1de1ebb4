import { z } from 'zod';
import { port } from './common.ts';

export const http = z
  .strictObject({
    host: z.string().min(1).default('127.0.0.1').describe('Loopback unless told otherwise.'),
    port: port.default(8790).describe('Port of /health, /status and /metrics; 0 takes a free one.'),
  })
  .prefault({});
