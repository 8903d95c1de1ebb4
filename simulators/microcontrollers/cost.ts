/** What boards cost: `node simulators/microcontrollers/cost.ts 10` runs ten, acknowledged, and prints their share of a core. */
import { setTimeout as sleep } from 'node:timers/promises';
import { runBoard } from './index.ts';

const WARM_UP_MS = 5_000;
const MEASURE_MS = 30_000;

const count = Number(process.argv[2] ?? 1);
const boards = Array.from({ length: count }, (_, i) => {
  const board = runBoard({ deviceId: `mc-${i}`, sensors: () => ({ temperatureC: 21, humidityPct: 48 }) });
  let text = '';
  board.onTx((bytes) => {
    text += Buffer.from(bytes).toString('latin1');
    const frame = /"boot":"(\w+)","n":(\d+).*\n/.exec(text);
    if (frame === null) return;
    text = '';
    board.rx(Buffer.from(`ACK ${frame[1]} ${frame[2]}\n`));
  });
  return board;
});
await sleep(WARM_UP_MS);
const before = process.cpuUsage();
await sleep(MEASURE_MS);
const { user, system } = process.cpuUsage(before);
for (const board of boards) board.close();
const percentOfCore = ((user + system) / 1000 / MEASURE_MS) * 100;
console.log(JSON.stringify({ boards: count, percentOfCore: Number(percentOfCore.toFixed(2)) }));
