import { join } from 'node:path';
import { openBuffer } from '../../buffer/index.ts';
import { openClock } from '../clock/gateway-clock.ts';
import { openIntake } from '../clock/hold.ts';
import { Decoder } from '../decode/decode.ts';
import { mqttInput } from './input.ts';

/* The way of an MQTT message to the disk, as a process that a test can kill. Tells its port. Usage: killed.fixture.ts DIR */
const dir = process.argv[2]!;
const options = {
  dir,
  maxBytes: 2 ** 26,
  maxAgeMs: 86_400_000,
  whenFull: 'reject-new',
  liveWithinMs: 3_600_000,
} as const;
const buffer = await openBuffer(options);
const intake = await openIntake({
  file: join(dir, 'held.jsonl'),
  clock: await openClock(),
  holdAtMostMs: 0,
  decoder: new Decoder({ gateway: 'gw', site: 's' }),
  submit: (submission) => buffer.submit(submission),
  log: { info: () => {}, warn: () => {} },
});
const sessionsFile = join(dir, 'mqtt-sessions.json');
const input = mqttInput({ host: '127.0.0.1', port: 0, maxClients: 10, sessionsFile });
await input.start(intake.receive);
process.send?.(input.port);
