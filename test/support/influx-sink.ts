import { readFileSync } from 'node:fs';
import { startInfluxSink } from '../../hub/sinks/index.ts';

// The sink as a process of its own, for tests that kill it. Its options come in a file, as JSON.
const options = JSON.parse(readFileSync(process.argv[2]!, 'utf8'));
const tell = (fields: object, message: string) => console.log(JSON.stringify({ message, ...fields }));
const sink = startInfluxSink({ ...options, log: { info: tell, warn: tell } });
setInterval(() => console.log(JSON.stringify({ status: sink.status() })), 200);
process.on('SIGTERM', async () => {
  await sink.close();
  process.exit();
});
