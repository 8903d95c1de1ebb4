import { join } from 'node:path';
import { Decoder } from '../decode/decode.ts';
import { openIntake } from './hold.ts';

// Holds messages in the folder it is given, on a disk that becomes full; prints how many were taken, and which of them the buffer has. With `plausible`
// the clock shows what could be the time.

const isPlausible = process.argv[3] === 'plausible';
const values: number[] = [];
const clock = {
  now: () => (isPlausible ? 1_800_000_000_000 : 1_000),
  monotonic: () => 1_000,
  isSet: () => false,
  isPlausible: () => isPlausible,
  bootId: 'boot-1',
};
const { receive } = await openIntake({
  file: join(process.argv[2]!, 'held.jsonl'),
  clock,
  holdAtMostMs: 3_600_000,
  decoder: new Decoder({ gateway: 'gw', site: 's' }),
  submit: async ({ entries }) => {
    for (const { value } of entries) values.push(JSON.parse(value).value);
    return 'stored';
  },
  log: { info: () => {}, warn: () => {} },
});
let taken = 0;
for (let n = 1; n <= 200; n++) {
  const payload = Buffer.from(`{"device":"d","boot":"aa","n":${n},"values":{"x":${n}}}`);
  if ((await receive({ source: 'serial:x', payload }).outcome) === 'stored') taken++;
}
process.stdout.write(JSON.stringify({ taken, values }));
process.exit(0);
