import { z } from 'zod';
import { timestamp } from '../names.ts';

/** One line of a web server's access log. `durationMs` is absent where the log format has none. */
export const WebRequest = z.object({
  clientIp: z.string().min(1).max(64),
  method: z.string().max(16),
  /** Without the query string. */
  path: z.string().max(2048),
  status: z.int().min(100).max(599),
  bytes: z.int().min(0),
  durationMs: z.number().min(0).optional(),
  userAgent: z.string().max(1024).optional(),
  referrer: z.string().max(2048).optional(),
  ts: timestamp,
});
export type WebRequest = z.infer<typeof WebRequest>;
