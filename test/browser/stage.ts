import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { type AlertSilence, TOPICS } from '../../contract/index.ts';
import { type Feed, OWN_RETENTION, openIntake, openStore, type Store } from '../../hub/sinks/index.ts';
import { type Part, startWeb, type Web } from '../../hub/web/index.ts';
import type { WindowTopic } from '../../streams/core/index.ts';
import { createSynthetic, type Synthetic } from './synthetic.ts';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
export const hasChromium = existsSync(CHROMIUM);

/** Debian's Chromium with nothing that reaches for the network by itself. */
export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** The real store, feed and page over a source in this process. */
export interface Stage {
  readonly store: Store;
  readonly source: Synthetic;
  web: Web;
  parts: Part[];
  /** Sends readings of every series five times a second until the stage is closed. */
  play(): void;
  /** Ends the web server and starts another on the same port. */
  restart(whileDown?: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** `own`: windows of jobs that somebody added to the hub. */
export async function openStage(own: readonly WindowTopic[] = []): Promise<Stage> {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-page-'));
  const retention = Object.fromEntries(own.map(({ topic }) => [topic.name, OWN_RETENTION]));
  const store = openStore({ file: join(dir, 'results.sqlite'), retention });
  const intake = openIntake(store, Date.now, (error) => {
    throw error;
  });
  const feed: Feed = {
    subscribe: intake.subscribe,
    state: () => ({ state: 'live', detail: '', records: 0, unreadable: 0 }),
    close: async () => {},
  };
  const source = createSynthetic(intake, Date.now);
  let playing: NodeJS.Timeout | undefined;
  // What is written to Kafka comes back by the feed.
  const silence = async (value: AlertSilence) => source.put(TOPICS.alertSilences.name, [value]);
  const alerting = { silence, test: () => undefined, channels: [] };
  const start = (port: number) => startWeb({ store, feed, port, own, alerting, parts: () => stage.parts });
  const stage: Stage = {
    store,
    source,
    parts: [],
    web: undefined as never,
    play() {
      playing = setInterval(() => source.readings(), 200);
    },
    async restart(whileDown) {
      const { port } = stage.web;
      await stage.web.close();
      await whileDown?.();
      stage.web = await start(port);
    },
    async close() {
      clearInterval(playing);
      await stage.web.close();
      store.close();
      rmSync(dir, { recursive: true });
    },
  };
  stage.web = await start(0);
  return stage;
}
