import { type GatewayStatus, HeadwaterError, type Lane } from '../../contract/index.ts';
import type { ForwarderStatus } from '../forwarder/index.ts';
import { daysLeft } from './certificates.ts';
import type { Verdict } from './snapshot.ts';

/** What a gateway answers under `/status`. */
export interface StatusAnswer extends GatewayStatus {
  readonly forwarder: ForwarderStatus;
  readonly health: Verdict;
  /** Records waiting in each. */
  readonly lanes: Readonly<Record<Lane, number>>;
}

/** Asks a running gateway. `url` is where its HTTP listens. @throws HeadwaterError `GATEWAY_SILENT`, `GATEWAY_FAILING` */
export async function askStatus(url: string): Promise<StatusAnswer> {
  try {
    const response = await fetch(`${url}/status`, { signal: AbortSignal.timeout(5_000) });
    if (!response.ok) throw await failing(url, response);
    return (await response.json()) as StatusAnswer;
  } catch (cause) {
    if (cause instanceof HeadwaterError) throw cause;
    const reason = ((cause as Error).cause as Error | undefined)?.message ?? (cause as Error).message;
    throw new HeadwaterError('GATEWAY_SILENT', `no gateway answers at ${url} (${reason}); is it running?`, {
      cause,
      retryable: true,
    });
  }
}

async function failing(url: string, response: Response): Promise<Error> {
  const verdict = (await response.json().catch(() => undefined)) as Verdict | undefined;
  if (!Array.isArray(verdict?.reasons)) return new Error(`it answers with status ${response.status}`);
  const reasons = verdict.reasons.join('; ');
  return new HeadwaterError('GATEWAY_FAILING', `the gateway at ${url} takes nothing: ${reasons}`, { retryable: true });
}

/** The answer as lines for people. `now` is ms since the epoch. */
export function describeStatus(status: StatusAnswer, now: number): string {
  const { backlog, counts, disk, health, lanes } = status;
  const seconds = (since: number) => `${Math.max(0, Math.round((now - since) / 1000))} s`;
  const oldest = backlog.oldestTs === null ? '' : `, the oldest ${seconds(backlog.oldestTs)} old`;
  return [
    `${status.gateway} at ${status.site}: ${health.state}, ${status.forwarder.state}, up for ${seconds(status.startedAt)}`,
    ...health.reasons.map((reason) => `  ! ${reason}`),
    `readings      ${counts.acknowledged} acknowledged, ${counts.forwarded} forwarded, ${counts.duplicates} repeats dropped`,
    `not taken     ${counts.rejected} could not be read, ${counts.evicted} given up by a full buffer, ${counts.lost} lost`,
    `backlog       ${backlog.readings} waiting${oldest} (${lanes.alarm} alarm, ${lanes.live} live, ${lanes.backlog} backlog)`,
    `disk          ${mb(disk.bufferBytes)} of buffer, ${mb(disk.freeBytes)} free`,
    ...(status.certificates ?? []).map(
      ({ name, expiresAt }) => `certificate   ${name}: ${daysLeft(expiresAt, now)} days left`,
    ),
    ...status.inputs.map((input) => `input         ${input.name}: ${input.state}, ${input.detail}`),
  ].join('\n');
}

const mb = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
