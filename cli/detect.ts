import { Command, InvalidArgumentError, Option } from 'commander';

/** Exit status where no row at all could be read. */
const NOTHING_READABLE = 1;

export const command = new Command('detect')
  .description('Scores a series for anomalies: timestamp,value in; timestamp,value,anomaly_score,is_anomaly out.')
  .argument('<file>', 'CSV with the columns timestamp and value; - reads standard input')
  .addOption(new Option('--detector <name>', 'which detector').choices(['adaptive', 'gaussian']).default('adaptive'))
  .option(
    '--threshold <n>',
    'where the score is 0.5: adaptive in digits of rarity (3.8), gaussian in standard deviations (5)',
    positive,
  )
  .option('--json', 'one JSON object a line, with the expected value and the reason')
  .addHelpText(
    'after',
    `
Reads in one pass and looks at no later row to score an earlier one, so the same rows give the same scores. A timestamp is ISO 8601
(UTC where no zone is given) or milliseconds since the epoch; it is written as it came. A score of 0.5 or more is an anomaly. Other columns are passed over.

A row that cannot be read is reported on standard error with its line and field, and skipped. The exit status is 0, or 1 where no row could be read,
or 2 for wrong usage.

Examples:
  $ headwater detect temperature.csv > scored.csv
  $ headwater detect --detector gaussian temperature.csv
  $ cat temperature.csv | headwater detect --json - | grep '"isAnomaly":true'`,
  )
  .action(async (file: string, options: { detector: string; threshold?: number; json?: boolean }) => {
    const { createDetector, scoreFile } = await import('../hub/detectors/index.ts');
    // Whoever reads may have seen enough: `| head`.
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      process.exit();
    });
    const detector = createDetector(options.detector, options);
    const { rows } = await scoreFile(file, { detector, format: options.json ? 'json' : 'csv' });
    if (rows === 0) process.exitCode = NOTHING_READABLE;
  });

function positive(text: string): number {
  const number = Number(text);
  if (!(number > 0)) throw new InvalidArgumentError('It must be a number above 0.');
  return number;
}
