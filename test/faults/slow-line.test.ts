import { afterAll, beforeAll, test } from 'vitest';
import { runSteps } from '../../streams/runtime/index.ts';
import { type BadLine, openBadLine } from '../support/bad-line.ts';
import { countingStep } from '../support/counting.ts';
import { expectUndisturbed, prepareCounting } from '../support/counting-runs.ts';
import { collect, feed, openTestBed, type TestBed, until } from '../support/testbed.ts';

let line: BadLine;
let bed: TestBed;
beforeAll(async () => {
  line = await openBadLine();
  bed = await openTestBed(1, [line]);
});
afterAll(async () => {
  line?.close();
  await bed?.close();
});

test('a commit that Kafka aborts for taking too long is given more time, and goes through', async () => {
  // Few records that change much: it is the checkpoint that takes long.
  const options = await prepareCounting(bed, 'slow', { padding: 40_000 });
  const outputs = await collect(bed, options.output);
  const warnings: string[] = [];
  const log = { info() {}, warn: (fields: object) => void warnings.push(JSON.stringify(fields)), error() {} };
  const run = runSteps([countingStep(options)], { kafka: bed.as('hub'), log });
  try {
    await until('running', 40, () => run.status()[0]!.tasks.filter((t) => t.state === 'running').length === 4);
    // 80 KB for each key: some 2.5 MB for the largest partition, at 200 KB/s.
    line.trickle(16_384, 80);
    await feed(bed, options.input, 0, 90, 90);
    await until('a commit was too slow', 60, () =>
      warnings.some((warning) => warning.includes('took longer than 10 s')),
    );
    await until('everything is out', 90, () => outputs.records.length >= 90);
  } finally {
    line.flow();
    await run.close();
  }
  await expectUndisturbed(bed, options, outputs);
});
