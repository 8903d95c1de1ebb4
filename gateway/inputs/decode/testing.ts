import { parse as parseYaml } from 'yaml';
import { parseConfig, type Reading, Rejected } from '../../../contract/index.ts';
import type { Outcome, Submission } from '../../buffer/index.ts';
import { GatewayConfig } from '../../config/index.ts';
import type { Message } from '../input.ts';
import { Decoder } from './decode.ts';
import { configuredRules } from './rules.ts';

export const NOW = 1_800_000_000_000;

/** A decoder whose broker has this transform, and a buffer that answers when the test says so, or at once. */
export function gateway(transform: string, mqtt: object = {}) {
  const text = JSON.stringify({
    gateway: { id: 'gw', site: 's' },
    buffer: { dir: 'd' },
    kafka: { brokers: ['k:1'], caFile: 'c', passwordFile: 'p' },
    inputs: { mqtt: { anonymous: true, transform: parseYaml(transform), ...mqtt } },
  });
  const config = parseConfig(GatewayConfig, { text, file: 'gateway.yaml', env: {}, prefix: 'X' });
  const decoder = new Decoder({ gateway: 'gw', site: 's', rules: configuredRules(config) });
  const submitted: { submission: Submission; answer: (outcome: Outcome) => void }[] = [];
  const kept: string[] = [];
  let packetId = 0;
  let answering: Outcome | undefined = 'stored';

  const submit = (submission: Submission): Promise<Outcome> => {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const answer = (outcome: Outcome) => {
      if (outcome === 'stored')
        kept.push(
          ...submission.entries.map(
            ({ kind, value }) => `${kind === 'reading' ? brief(value) : Rejected.parse(JSON.parse(value)).code}`,
          ),
        );
      resolve(outcome);
    };
    submitted.push({ submission, answer });
    if (answering) answer(answering);
    return promise;
  };
  const send = (values: object, more: { ts?: number; alarm?: boolean; dup?: number } = {}) => {
    const { dup, ...fields } = more;
    const message: Message = {
      source: 'mqtt',
      topic: 'devices/d',
      payload: Buffer.from(JSON.stringify({ values, ...fields })),
      packet: { client: 'c', packetId: dup ?? ++packetId, dup: dup !== undefined },
    };
    return decoder.receive(message, NOW, submit).outcome;
  };
  return {
    decoder,
    submit,
    send,
    kept,
    submitted,
    hold: () => {
      answering = undefined;
    },
    answerWith: (outcome: Outcome) => {
      answering = outcome;
    },
    counts: () => decoder.ruleCounts.mqtt,
  };
}

function brief(value: string): string {
  const { device, metric, value: number, unit } = JSON.parse(value) as Reading;
  return `${device === 'd' ? '' : `${device} `}${metric} ${number} ${unit}`;
}
