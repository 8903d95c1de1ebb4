import type { Random } from '../random/index.ts';

/** Spoils a line in one of the ways in which real logs are spoilt; no parser can read the result. */
export function malformed(random: Random, line: string): Buffer {
  const ways: (() => Buffer)[] = [
    // Cut off by a full disk or a crash, before the request ends.
    () => Buffer.from(line.slice(0, random.between(5, line.indexOf('"') + 3))),
    // A TLS handshake on the plain port, as nginx logs it.
    () => Buffer.from(line.replace(/"[A-Z]+ [^"]*" \d+ \d+/, '"\\x16\\x03\\x01\\x02" 400 150')),
    // A connection closed before a request came.
    () => Buffer.from(line.replace(/"[A-Z]+ [^"]*" \d+ \d+/, '"-" 408 0')),
    // Two processes writing at once.
    () => Buffer.from(line.slice(0, line.indexOf('[') + 5) + line),
    () => Buffer.from([0xff, 0xfe, 0x00, ...Array.from({ length: 40 }, () => random.between(128, 255))]),
  ];
  return random.pick(ways)();
}
