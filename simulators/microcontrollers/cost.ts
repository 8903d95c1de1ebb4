/** What boards cost: `node simulators/microcontrollers/cost.ts 10` runs ten, acknowledged, and prints their share of a core. */
import { setTimeout as sleep } from 'node:timers/promises';
import { acknowledge, frameReader, runBoard } from './index.ts';

const WARM_UP_MS = 5_000;
const MEASURE_MS = 30_000;

const count = Number(process.argv[2] ?? 1);
const boards = Array.from({ length: count }, (_, i) => {
  const board = runBoard({ deviceId: `mc-${i}`, sensors: () => ({ temperatureC: 21, humidityPct: 48 }) });
  const frames = frameReader((frame) => board.rx(acknowledge(frame)));
  board.onTx((bytes) => bytes.forEach(frames.take));
  return board;
});
await sleep(WARM_UP_MS);
const before = process.cpuUsage();
await sleep(MEASURE_MS);
const { user, system } = process.cpuUsage(before);
for (const board of boards) board.close();
const percentOfCore = ((user + system) / 1000 / MEASURE_MS) * 100;
console.log(JSON.stringify({ boards: count, percentOfCore: Number(percentOfCore.toFixed(2)) }));
