import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { HeadwaterError } from '../../contract/index.ts';
import { csvField, type RowReader, rowReader, type SeriesRow } from './csv.ts';
import type { Detector, Verdict } from './types.ts';

export interface ScoreFileOptions {
  readonly detector: Detector;
  readonly format: 'csv' | 'json';
  readonly stdin?: Readable;
  readonly stdout?: Writable;
  readonly stderr?: Writable;
}

const CSV_HEADER = 'timestamp,value,anomaly_score,is_anomaly\n';

/**
 * Scores a CSV series row by row as it streams, holding none of it. Rows that cannot be read are reported with file, line and field on stderr, and skipped.
 * `file` may be `-` for standard input.
 * @throws HeadwaterError `USAGE` when the file cannot be read at all, `HEADER_INVALID`
 */
export async function scoreFile(file: string, options: ScoreFileOptions): Promise<{ rows: number; skipped: number }> {
  const { detector, format, stdin = process.stdin, stdout = process.stdout, stderr = process.stderr } = options;
  const name = file === '-' ? 'standard input' : file;
  const input = file === '-' ? stdin : await openForReading(file);
  let read: RowReader | undefined;
  let [line, rows, skipped] = [0, 0, 0];
  for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    line++;
    if (text.trim() === '') continue;
    if (read === undefined) {
      read = readerOf(name, text);
      if (format === 'csv') stdout.write(CSV_HEADER);
      continue;
    }
    let row: SeriesRow;
    try {
      row = read(text);
    } catch (error) {
      if (!(error instanceof HeadwaterError)) throw error;
      skipped++;
      stderr.write(`${name}:${line}: ${error.message}; the row is skipped\n`);
      continue;
    }
    rows++;
    const verdict = detector.observe(row.ts, row.value);
    const out = format === 'csv' ? csvLine(row, verdict) : `${JSON.stringify({ ...row, ...verdict })}\n`;
    if (!stdout.write(out)) await once(stdout, 'drain');
  }
  if (skipped > 0) stderr.write(`${name}: ${rows} rows scored, ${skipped} skipped\n`);
  else if (rows === 0) stderr.write(`${name}: there is no row to score\n`);
  return { rows, skipped };
}

function csvLine({ timestamp, value }: SeriesRow, { score, isAnomaly }: Verdict): string {
  return `${csvField(timestamp)},${value},${score},${isAnomaly ? 1 : 0}\n`;
}

function readerOf(name: string, header: string): RowReader {
  try {
    return rowReader(header);
  } catch (error) {
    if (!(error instanceof HeadwaterError)) throw error;
    throw new HeadwaterError(error.code, `${name}:1: ${error.message}`, { cause: error });
  }
}

async function openForReading(file: string): Promise<Readable> {
  const stream = createReadStream(file, { encoding: 'utf8' });
  try {
    await once(stream, 'readable');
    return stream;
  } catch (cause) {
    throw new HeadwaterError('USAGE', `${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
