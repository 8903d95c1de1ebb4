import { userInfo } from 'node:os';
import { Command } from 'commander';
import { HeadwaterError } from '../contract/index.ts';
import { configFile, duration } from './support.ts';

export const command = new Command('alerts').description('alerts: what fires, what is silenced, whether channels work');

interface Where {
  config?: string;
  url?: string;
  json?: boolean;
}

const add = (name: string, description: string) =>
  command
    .command(name)
    .description(description)
    .option('--config <file>', 'configuration of the hub on this machine (YAML); its page is asked')
    .option('--url <address>', 'address of a hub’s page, such as http://127.0.0.1:8800')
    .option('--json', 'one JSON object a line');

add('list', 'alerts that are pending, firing or resolved, with what holds them back')
  .option('--silences', 'silences instead, those that are over within a day included')
  .option('--channels', 'channels instead')
  .option('--told', 'what was told lately instead, and to whom')
  .addHelpText('after', '\nExamples:\n  headwater alerts list\n  headwater alerts list --channels --json')
  .action(async (options: Where & { silences?: boolean; channels?: boolean; told?: boolean }) => {
    const view = await ask<View>(options, '/api/alerting?limit=500');
    if (options.silences) print(options, view.silences, silenceLine);
    else if (options.channels) print(options, view.channels, channelLine);
    else if (options.told) print(options, view.told, toldLine);
    else print(options, view.alerts, alertLine);
  });

add('silence [matchers...]', 'hold alerts back for a while, or end a silence')
  .option('--for <time>', 'how long, such as 30m or 8h', '1h')
  .option('--comment <text>', 'why; others read it')
  .option('--author <name>', 'who; you unless given')
  .option('--end <id>', 'end this silence')
  .addHelpText(
    'after',
    `
A matcher names a label of the alert, = or !=, and a value in which * stands for any text and \\* for a star; all must fit.

Examples:
  headwater alerts silence site=roof severity!=critical --for 2h --comment 'works on the roof'
  headwater alerts silence --end mpqx3k-a1b20`,
  )
  .action(async (matchers: string[], options: Where & Record<'for' | 'comment' | 'author' | 'end', string>) => {
    if (options.end !== undefined) {
      if (matchers.length > 0) throw new HeadwaterError('USAGE', '--end takes the id of a silence and nothing else');
      const ended = await ask<Silence>(options, `/api/alerting/silences/${encodeURIComponent(options.end)}/end`, {});
      return print(options, [ended], silenceLine);
    }
    if (matchers.length === 0) throw new HeadwaterError('USAGE', 'say what to silence, such as site=roof');
    if (options.comment === undefined) throw new HeadwaterError('USAGE', 'say why with --comment');
    const { comment, author = userInfo().username } = options;
    const wanted = { matchers, minutes: duration(options.for) / 60_000, comment, author };
    print(options, [await ask<Silence>(options, '/api/alerting/silences', wanted)], silenceLine);
  });

add('test <channel>', 'send a marked notification through a channel of the hub and tell what became of it')
  .addHelpText('after', '\nExample:\n  headwater alerts test on-call')
  .action(async (channel: string, options: Where) => {
    const outcome = await ask<Outcome>(options, `/api/alerting/channels/${encodeURIComponent(channel)}/test`, {});
    print(options, [outcome], ({ kind, detail, reason }) =>
      kind === 'accepted'
        ? `accepted${detail ? `: ${detail}` : ''}`
        : `${kind === 'refused' ? 'refused' : 'not taken'}: ${reason}`,
    );
    if (outcome.kind !== 'accepted') process.exitCode = 1;
  });

interface AlertView {
  readonly state: string;
  readonly severity: string;
  readonly summary: string;
  readonly rule: string;
  readonly series: string;
  readonly since: number;
  readonly held?: { readonly by: 'silence' | 'inhibition'; readonly id: string };
}
interface Silence {
  readonly id: string;
  readonly matchers: readonly string[];
  readonly start: number;
  readonly end: number;
  readonly comment: string;
  readonly author: string;
}
interface ChannelView {
  readonly channel: string;
  readonly kind: string;
  readonly state: string;
  readonly detail: string;
  readonly accepted: number;
  readonly refused: number;
  readonly process: string;
}
interface Told {
  readonly id: string;
  readonly ts: number;
  readonly group: string;
  readonly state: string;
  readonly firing: number;
  readonly resolved: number;
  readonly channels: readonly { readonly channel: string; readonly state: string }[];
}
interface Outcome {
  readonly kind: 'accepted' | 'refused' | 'again';
  readonly detail?: string;
  readonly reason?: string;
}
interface View {
  readonly alerts: readonly AlertView[];
  readonly silences: readonly Silence[];
  readonly channels: readonly ChannelView[];
  readonly told: readonly Told[];
}

const time = (ms: number) => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');

function alertLine({ state, severity, summary, rule, series, since, held }: AlertView): string {
  const why =
    held === undefined ? '' : held.by === 'silence' ? ` [silenced: ${held.id}]` : ` [follows from ${held.id}]`;
  return `${state.padEnd(8)} ${severity.padEnd(8)} ${time(since)}  ${summary} (${rule}, ${series})${why}`;
}

function silenceLine({ id, matchers, start, end, comment, author }: Silence): string {
  return `${id}  ${matchers.join(' ')}  from ${time(start)} to ${time(end)} UTC  ${comment} (${author})`;
}

function channelLine({ channel, kind, state, detail, accepted, refused, process: hub }: ChannelView): string {
  const counts = `${accepted} told${refused > 0 ? `, ${refused} refused` : ''}`;
  return `${channel} (${kind}, ${hub}): ${state}, ${counts}${detail ? `; ${detail}` : ''}`;
}

function toldLine({ id, ts, group, firing, resolved, channels }: Told): string {
  const to = channels.filter(({ state }) => state !== 'not-for-it').map((c) => `${c.channel} ${c.state}`);
  return `${time(ts)}  ${group}: ${firing} firing, ${resolved} resolved (${id}); ${to.join(', ') || 'to nobody'}`;
}

function print<T>({ json }: Where, items: readonly T[], line: (item: T) => string): void {
  for (const item of items) process.stdout.write(`${json ? JSON.stringify(item) : withoutControls(line(item))}\n`);
}

/** A path that a visitor of a web site asked for is not to speak to the terminal of whoever lists alerts. */
function withoutControls(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu, ' ');
}

/** Asks a hub's page, with a body by POST. @throws HeadwaterError `HUB_AWAY` or what the page answered */
async function ask<T>(where: Where, path: string, body?: object): Promise<T> {
  const base = where.url ?? (await pageOf(where.config));
  const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  let answer: Response;
  try {
    answer = await fetch(new URL(path, base), body === undefined ? {} : post);
  } catch (cause) {
    throw new HeadwaterError(
      'HUB_AWAY',
      `no hub answers at ${base}: start it, or name another with --config FILE or --url ADDRESS`,
      { cause },
    );
  }
  const value = (await answer.json().catch(() => undefined)) as
    | (T & { error?: { code: string; message: string } })
    | undefined;
  if (answer.ok && value !== undefined) return value;
  const { code = 'REQUEST_FAILED', message = `the page answered with status ${answer.status}` } = value?.error ?? {};
  throw new HeadwaterError(code === 'QUERY_INVALID' ? 'USAGE' : code, message);
}

/** The page of the hub on this machine. */
async function pageOf(config: string | undefined): Promise<string> {
  const { loadHubConfig } = await import('../hub/config/index.ts');
  const { host, port } = loadHubConfig(configFile(config, 'hub')).page;
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}
