import { encode, TOPICS } from '../../contract/index.ts';
import { type DurationUnit, parseCombined } from './combined.ts';
import { HEADERS } from './dead-letter.ts';
import type { FileSourceOptions } from './file-source.ts';

/** Lines of a web server's access log become records of `web.requests`. */
export function accessLog(durationUnit: DurationUnit): Pick<FileSourceOptions, 'topic' | 'toRecord'> {
  return {
    topic: TOPICS.webRequests.name,
    toRecord(line) {
      const request = parseCombined(line, durationUnit);
      return { key: request.clientIp, value: encode(request), headers: HEADERS };
    },
  };
}
