import { NAME } from '../../../contract/index.ts';
import type { Outcome } from '../../buffer/index.ts';
import { type Format, type GatewayConfig, portName, type TransformStep } from '../../config/index.ts';
import type { Message, Problem } from '../input.ts';
import { type ForeignParser, foreignParser } from './formats/formats.ts';
import { parse } from './parse.ts';
import { type Parsed, quote, rangeProblem } from './parsed.ts';
import { Ticket } from './transform/memory.ts';
import { type Draft, type DropReason, type Transform, transformOf } from './transform/transform.ts';

/** What an input's rules did since they were made. */
export interface RuleCounts {
  /** Readings dropped by the transform, in messages that were stored. */
  readonly dropped: Readonly<Record<DropReason, number>>;
  /** Messages that a format ignores on purpose. */
  readonly ignored: number;
}

/** Stores what is left of a message. */
type Store = (readings: readonly Draft[], problems: readonly Problem[]) => PromiseLike<Outcome>;

/** What one input does with its messages beyond the ordinary: formats of their own and a transform. */
export class Rules {
  readonly #foreign: ForeignParser;
  readonly #transform: Transform;
  readonly #dropped: Record<DropReason, number> = { deadband: 0, rate_limit: 0, condition: 0 };
  #ignored = 0;

  constructor({
    formats,
    transform,
  }: { readonly formats?: readonly Format[]; readonly transform: readonly TransformStep[] }) {
    this.#foreign = foreignParser(formats ?? []);
    this.#transform = transformOf(transform);
  }

  get counts(): RuleCounts {
    return { dropped: { ...this.#dropped }, ignored: this.#ignored };
  }

  /** Takes a message apart: nothing where a format ignores it. Ranges are not looked at yet. Never throws. */
  parse(message: Message): readonly Parsed[] {
    const foreign =
      message.topic === undefined || message.problem ? undefined : this.#foreign(message.topic, message.payload);
    return foreign ?? [parse(message, false)];
  }

  countIgnored(): void {
    this.#ignored++;
  }

  /**
   * Puts the readings of one message through the transform and stores what is left, at once unless a reading was dropped for one that is still
   * under way. What the transform remembers and counts moves only when the message was stored; when that other one was not, it is done again.
   */
  async apply(readings: readonly Draft[], store: Store): Promise<Outcome> {
    let result = this.#decide(readings, new Ticket());
    if (result.ticket.leans && !(await result.ticket.held())) {
      result.ticket.settle(false);
      // Looks at what is stored only, so that two messages can never wait for each other.
      result = this.#decide(readings, new Ticket(true));
    }
    const { ticket, kept, problems, dropped } = result;
    try {
      const outcome = await store(kept, problems);
      ticket.settle(outcome === 'stored');
      if (outcome === 'stored') for (const reason of dropped) this.#dropped[reason]++;
      return outcome;
    } catch (error) {
      ticket.settle(false);
      throw error;
    }
  }

  #decide(readings: readonly Draft[], ticket: Ticket) {
    const kept: Draft[] = [];
    const problems: Problem[] = [];
    const dropped: DropReason[] = [];
    for (const reading of readings) {
      const { size } = ticket;
      const result = this.#transform(reading, ticket);
      if (typeof result === 'string') dropped.push(result);
      else {
        const problem = problemAfter(result);
        if (problem) {
          problems.push(problem);
          // A dead letter is nothing that the next reading could be too soon after, or like.
          ticket.takeBack(size);
        } else kept.push(result);
      }
    }
    return { ticket, kept, problems, dropped };
  }
}

/** Why what the transform made of a reading cannot be one. */
function problemAfter({ device, metric, value, unit }: Draft): Problem | undefined {
  if (!NAME.test(device))
    return { code: 'DEVICE_INVALID', reason: `the new device ${quote(device)} is not a valid name` };
  if (!NAME.test(metric))
    return { code: 'METRIC_INVALID', reason: `the new metric ${quote(metric)} is not a valid name` };
  return rangeProblem(metric, value, unit);
}

/** The rules that the configuration declares, by the source of the messages they are for. */
export function configuredRules({ inputs }: Pick<GatewayConfig, 'inputs'>): ReadonlyMap<string, Rules> {
  const { mqtt, mqttClients, serial, host } = inputs;
  const sections = [
    ...(mqtt ? [['mqtt', mqtt] as const] : []),
    ...mqttClients.map((section) => [`mqtt-client:${section.name}`, section] as const),
    ...serial.map((section) => [`serial:${portName(section)}`, section] as const),
    ...(host ? [['host', host] as const] : []),
  ];
  const declared = sections.filter(
    ([, section]) => section.transform.length > 0 || ('formats' in section && section.formats.length > 0),
  );
  return new Map(declared.map(([source, section]) => [source, new Rules(section)]));
}
