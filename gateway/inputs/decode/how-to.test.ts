import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { duration, parseConfig, type Reading, type Rejected } from '../../../contract/index.ts';
import type { Outcome, Submission } from '../../buffer/index.ts';
import { GatewayConfig } from '../../config/index.ts';
import { Decoder } from './decode.ts';
import { configuredRules } from './rules.ts';

// Runs the examples of the how-to pages: each yaml block is a configuration, each text block after it messages and what becomes of them.

const NOW = Date.UTC(2026, 10, 22, 20);

function decoderOf(yaml: string): Decoder {
  const { inputs } = parseYaml(yaml) as { inputs: { mqtt: object } };
  const text = JSON.stringify({
    gateway: { id: 'gw', site: 's' },
    buffer: { dir: 'd' },
    kafka: { brokers: ['k:1'], caFile: 'c', passwordFile: 'p' },
    inputs: { mqtt: { anonymous: true, ...inputs.mqtt } },
  });
  const config = parseConfig(GatewayConfig, { text, file: 'gateway.yaml', env: {}, prefix: 'X' });
  return new Decoder({ gateway: 'gw', site: 's', rules: configuredRules(config) });
}

/** One example: what is sent, and the lines that say what is to come of it. */
interface Example {
  readonly topic: string;
  readonly payload: string;
  readonly receivedAt: number;
  readonly expected: readonly string[];
}

function examplesIn(text: string): Example[] {
  return text.split(/\n{2,}/).map((part) => {
    const lines = part.trim().split('\n');
    const all = (key: string) =>
      lines.filter((line) => line.startsWith(`${key}: `)).map((line) => line.slice(key.length + 2));
    return {
      topic: all('topic')[0]!,
      payload: all('payload').join('\n'),
      receivedAt: NOW + duration.parse(all('at')[0] ?? 0),
      expected: lines.filter((line) => /^(reading|dead letter|ignored)/.test(line)),
    };
  });
}

async function outcomeOf(decoder: Decoder, { topic, payload, receivedAt }: Example): Promise<string[]> {
  const before = decoder.ruleCounts.mqtt?.ignored ?? 0;
  const lines: string[] = [];
  const submit = async ({ entries }: Submission): Promise<Outcome> => {
    for (const { kind, value } of entries) {
      lines.push(
        kind === 'reading'
          ? tell(JSON.parse(value), receivedAt)
          : `dead letter: ${(JSON.parse(value) as Rejected).code}`,
      );
    }
    return 'stored';
  };
  await decoder.receive({ source: 'mqtt', topic, payload: Buffer.from(payload) }, receivedAt, submit).outcome;
  return decoder.ruleCounts.mqtt!.ignored > before ? ['ignored'] : lines;
}

function tell({ device, metric, value, unit, ts }: Reading, receivedAt: number): string {
  return `reading: ${device} ${metric} ${value} ${unit}${ts === receivedAt ? '' : ` at ${new Date(ts).toISOString()}`}`;
}

describe.each(['payloads.md', 'transforms.md'])('the examples of docs/how-to/%s', (page) => {
  const text = readFileSync(join(import.meta.dirname, '../../../docs/how-to', page), 'utf8');
  const blocks = [...text.matchAll(/```(yaml|text)\n(.*?)```/gs)].map(([, kind, body]) => ({ kind, body: body! }));
  let decoder: Decoder | undefined;
  for (const { kind, body } of blocks) {
    if (kind === 'yaml') decoder = decoderOf(body);
    else {
      const its = decoder!;
      const examples = examplesIn(body);
      test(examples.map(({ topic }) => topic).join(', '), async () => {
        for (const example of examples)
          expect(await outcomeOf(its, example), example.payload).toEqual(example.expected);
      });
    }
  }

  test('are there', () => expect(blocks.length).toBeGreaterThan(8));
});
