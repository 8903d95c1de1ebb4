import { join } from 'node:path';
import { Decoder } from '../decode/decode.ts';
import { openIntake } from './hold.ts';

// Holds messages in the folder it is given, on a disk that becomes full; prints how many were taken.

const clock = {
  now: () => 1_000,
  monotonic: () => 1_000,
  isSet: () => false,
  isPlausible: () => false,
  bootId: 'boot-1',
};
const { receive } = await openIntake({
  file: join(process.argv[2]!, 'held.jsonl'),
  clock,
  holdAtMostMs: 0,
  decoder: new Decoder({ gateway: 'gw', site: 's' }),
  submit: () => Promise.reject(new Error('the clock is not set')),
  log: { info: () => {}, warn: () => {} },
});
let taken = 0;
for (let n = 1; n <= 200; n++) {
  const payload = Buffer.from(`{"device":"d","boot":"aa","n":${n},"values":{"x":${n}}}`);
  if ((await receive({ source: 'serial:x', payload }).outcome) === 'stored') taken++;
}
process.stdout.write(`${taken}`);
process.exit(0);
