import { openBuffer } from './index.ts';
import { frame, message, optionsFor } from './testing.ts';

/* Submits numbered messages for ever, 64 unacknowledged at a time, and prints each number that was acknowledged. Started by client.test.ts, which kills it. */
const [dir, boot] = process.argv.slice(2) as [string, string];
const buffer = await openBuffer(optionsFor(dir));
let next = 1;

async function device(): Promise<void> {
  for (;;) {
    const number = next++;
    const outcome = await buffer.submit(message({ boot, number }, frame(number, 'mc-1', boot)));
    if (outcome === 'stored') process.stdout.write(`${number}\n`);
  }
}

await Promise.all(Array.from({ length: 64 }, device));
