// A process of its own for sources.test.ts to kill: follows the files that argv names, as JSON.
import { type SourcesConfig, startSources } from '../../hub/sources/index.ts';
import type { KafkaSettings } from '../../kafka/index.ts';

const { kafka, config } = JSON.parse(process.argv[2]!) as { kafka: KafkaSettings; config: SourcesConfig };
const say = (fields: object, message: string) => process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
startSources(config, { kafka, log: { info: say, warn: say } });
// Does not outlive a test that was itself killed.
process.stdin.resume().on('end', () => process.exit());
