import { Readable, Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { createDetector, scoreFile } from './index.ts';

function sink() {
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  return { stream, text: () => text };
}

async function score(input: string, format: 'csv' | 'json' = 'csv') {
  const [stdout, stderr] = [sink(), sink()];
  const detector = createDetector('adaptive');
  const stdin = Readable.from([Buffer.from(input)]);
  const result = await scoreFile('-', { detector, format, stdin, stdout: stdout.stream, stderr: stderr.stream });
  return { ...result, out: stdout.text(), err: stderr.text() };
}

describe('scoreFile', () => {
  test('gives back each row with its score, its timestamp as it was written', async () => {
    const { out, rows, err } = await score('timestamp,value\r\n2025-01-01 00:00:00,1\r\n2025-01-01 00:05:00,2.50\r\n');
    expect(out).toBe(
      'timestamp,value,anomaly_score,is_anomaly\n2025-01-01 00:00:00,1,0,0\n2025-01-01 00:05:00,2.5,0,0\n',
    );
    expect({ rows, err }).toEqual({ rows: 2, err: '' });
  });

  test('reports bad rows with file, line and field, and goes on', async () => {
    const { rows, skipped, err } = await score('timestamp,value\n2025-01-01,x\nyesterday,1\n\n2025-01-02,3\n');
    expect({ rows, skipped }).toEqual({ rows: 1, skipped: 2 });
    expect(err).toBe(
      'standard input:2: value: "x" is not a number; the row is skipped\n' +
        'standard input:3: timestamp: "yesterday" is neither ISO 8601 nor ms since the epoch; the row is skipped\n' +
        'standard input: 1 rows scored, 2 skipped\n',
    );
  });

  test('tells more of each row in JSON', async () => {
    const { out } = await score('timestamp,value\n2025-01-01,1\n', 'json');
    expect(JSON.parse(out)).toEqual({
      timestamp: '2025-01-01',
      ts: Date.UTC(2025, 0, 1),
      value: 1,
      score: 0,
      expected: null,
      isAnomaly: false,
      reason: '',
    });
  });

  test('says so where there is nothing to score', async () => {
    expect(await score('timestamp,value\n')).toMatchObject({
      rows: 0,
      err: 'standard input: there is no row to score\n',
    });
  });

  test('refuses a file that is not there, and a header without the columns', async () => {
    const detector = createDetector('adaptive');
    await expect(scoreFile('/nowhere.csv', { detector, format: 'csv' })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(score('a,b\n1,2\n')).rejects.toThrow(/standard input:1: the header/);
  });
});
