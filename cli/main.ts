import { runProgram } from './program.ts';

/** Each command imports its room only when it runs. */
const files = await Promise.all([
  import('./up.ts'),
  import('./gateway.ts'),
  import('./hub.ts'),
  import('./alerts.ts'),
  import('./simulate.ts'),
  import('./topics.ts'),
  import('./stores.ts'),
  import('./detect.ts'),
  import('./doctor.ts'),
  import('./bench.ts'),
]);
await runProgram(
  'An edge IoT gateway and a streaming analytics hub.',
  files.map(({ command }) => command),
);
