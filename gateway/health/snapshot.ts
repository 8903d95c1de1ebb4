import { statfs } from 'node:fs/promises';
import type { GatewayStatus } from '../../contract/index.ts';
import type { CertificateExpiry } from '../../kafka/index.ts';
import type { Buffer, BufferStatus } from '../buffer/index.ts';
import type { ForwarderStatus } from '../forwarder/index.ts';
import type { HeldStatus, Input, InputStatus, RuleCounts } from '../inputs/index.ts';
import { certificateAdvice } from './certificates.ts';
import { kafkaAdvice } from './kafka-advice.ts';

/** The last time the contract can carry. */
const MAX_TS = 4_102_444_800_000;

/** What the gateway's account of itself is made of. */
export interface Parts {
  readonly gateway: string;
  readonly site: string;
  readonly version: string;
  readonly startedAt: number;
  readonly buffer: Pick<Buffer, 'status'>;
  readonly bufferDir: string;
  readonly maxBytes: number;
  readonly forwarder: { status(): ForwarderStatus };
  readonly inputs: readonly Pick<Input, 'name' | 'status'>[];
  /** Messages that inputs lost which were closed since. */
  readonly lostBefore: () => number;
  /** What waits for the clock to be set, and whether it is; undefined where nothing is to be said. */
  readonly held: () => HeldStatus | undefined;
  /** Frames that devices gave up, by their own account. */
  readonly framesLost: () => number;
  /** Dead letters that were only counted, because too many came of one sender. */
  readonly deadLettersHeldBack: () => number;
  /** What formats and transforms left out, by input. */
  readonly rules: () => Readonly<Record<string, RuleCounts>>;
  readonly certificates: readonly CertificateExpiry[];
  readonly now: () => number;
}

/** One moment of the gateway. */
export interface Snapshot {
  readonly status: GatewayStatus;
  readonly buffer: BufferStatus & { readonly maxBytes: number };
  readonly forwarder: ForwarderStatus;
  readonly inputs: readonly (InputStatus & { readonly name: string })[];
  readonly framesLost: number;
  readonly deadLettersHeldBack: number;
  readonly rules: Readonly<Record<string, RuleCounts>>;
  readonly clock: { readonly set: boolean; readonly heldBytes: number };
  readonly health: Verdict;
}

/** `degraded`: it keeps what comes in, but something needs a look. `failing`: devices are being turned away. */
export interface Verdict {
  readonly state: 'ok' | 'degraded' | 'failing';
  readonly reasons: readonly string[];
}

/** @throws HeadwaterError when the buffer can no longer answer */
export async function takeSnapshot(parts: Parts): Promise<Snapshot> {
  const [buffer, disk] = await Promise.all([parts.buffer.status(), statfs(parts.bufferDir)]);
  const forwarder = parts.forwarder.status();
  // The contract cannot carry a later time, and that is as good as for ever.
  const certificates = parts.certificates.map(({ name, expiresAt }) => ({
    name,
    expiresAt: Math.min(MAX_TS, expiresAt),
  }));
  const inputs = parts.inputs.map((input) => ({ name: input.name, ...input.status() }));
  const status: GatewayStatus = {
    gateway: parts.gateway,
    site: parts.site,
    version: parts.version,
    incarnation: buffer.incarnation,
    ts: parts.now(),
    startedAt: parts.startedAt,
    backlog: { readings: buffer.readings, bytes: buffer.bytes, oldestTs: buffer.oldestTs },
    counts: {
      acknowledged: buffer.counts.acknowledged,
      forwarded: buffer.counts.forwarded,
      rejected: buffer.counts.rejected,
      duplicates: buffer.counts.duplicates,
      evicted: buffer.counts.evicted,
      lost: inputs.reduce((sum, { lost }) => sum + lost, parts.lostBefore()),
    },
    inputs: inputs.map(({ name, state, detail }) => ({ name, state, detail })),
    disk: { freeBytes: disk.bavail * disk.bsize, bufferBytes: buffer.bytes },
    certificateExpiresAt: certificates.length === 0 ? null : Math.min(...certificates.map((c) => c.expiresAt)),
    certificates,
    state: 'running',
  };
  const { maxBytes } = parts;
  const held = parts.held();
  const health = judge(buffer, forwarder, inputs, held, certificateAdvice(certificates, status.ts));
  return {
    status,
    buffer: { ...buffer, maxBytes },
    forwarder,
    inputs,
    framesLost: parts.framesLost(),
    deadLettersHeldBack: parts.deadLettersHeldBack(),
    rules: parts.rules(),
    clock: { set: held?.clockIsSet ?? true, heldBytes: held?.bytes ?? 0 },
    health,
  };
}

function judge(
  buffer: BufferStatus,
  forwarder: ForwarderStatus,
  inputs: Snapshot['inputs'],
  held: HeldStatus | undefined,
  advice: readonly string[],
): Verdict {
  const failing = inputs.filter(({ state }) => state === 'failed').map(({ name, detail }) => `${name}: ${detail}`);
  if (buffer.problem !== null) failing.push(`the buffer refuses readings: ${buffer.problem}`);
  if (held?.refuses) failing.push(held.detail);
  const degraded = held && !held.refuses ? [held.detail] : [];
  for (const { name, state, detail } of inputs) if (state === 'waiting') degraded.push(`${name}: ${detail}`);
  for (const [what, error] of [
    ['Kafka takes nothing', forwarder.error],
    ['Kafka', forwarder.warning],
  ]) {
    if (error !== undefined) degraded.push([`${what}: ${error}`, kafkaAdvice(error) ?? []].flat().join('; '));
  }
  degraded.push(...advice);
  const state = failing.length > 0 ? 'failing' : degraded.length > 0 ? 'degraded' : 'ok';
  return { state, reasons: [...failing, ...degraded] };
}
