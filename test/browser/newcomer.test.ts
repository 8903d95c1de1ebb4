import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { blocksOf, type Clone, makeClone } from '../support/clone.ts';
import { hasChromium, launch } from './stage.ts';

// docs/tutorial.md and docs/how-to/write-a-job.md as a reader would follow them: every command as it stands there, in order, in a copy of the checkout.

const tutorial = blocksOf('docs/tutorial.md');
const howTo = blocksOf('docs/how-to/write-a-job.md');
const commands = (page: typeof tutorial) => page.filter(({ info }) => info === 'sh').map(({ text }) => text.trim());
const PICTURE = resolve(import.meta.dirname, '../../docs/images/own-job.png');
/** Set to the minutes of data that the page's picture should show, to make it anew. */
const minutes = Number(process.env.HEADWATER_PICTURE_MINUTES ?? 0);

// A whole platform starts, on a machine that may be busy.
vi.setConfig({ testTimeout: 400_000 });

let clone: Clone;
let platform: Awaited<ReturnType<Clone['start']>> | undefined;
beforeAll(() => {
  clone = makeClone();
});
afterAll(async () => {
  await platform?.stop();
  clone?.close();
});

async function start(command: string): Promise<void> {
  platform = await clone.start(command, /http:\/\/127\.0\.0\.1:\d+(?=\s)/);
}

/** Asks until the answer is what it must become. */
async function until<T>(ask: () => Promise<T>, is: (answer: T) => boolean): Promise<T> {
  const deadline = Date.now() + 180_000;
  for (;;) {
    const answer = await ask().catch((error: Error) => error);
    if (!(answer instanceof Error) && is(answer)) return answer;
    if (Date.now() > deadline) throw new Error('it never came to be', { cause: answer });
    await sleep(250);
  }
}
const api = async <T>(path: string) => (await (await fetch(`${platform!.found}/api/${path}`)).json()) as T;
interface Summary {
  readonly readings: { readonly counted: number; readonly lost: number };
}

describe('the tutorial', () => {
  const [begin, status, kill, ownDevice, nonsense, makeSeries, detect, ...others] = commands(tutorial);

  test('starts a platform on which everything measures', async () => {
    expect(others).toEqual([]);
    await start(begin!);
    const series = await until(
      () => api<{ device: string }[]>('series'),
      (all) => all.some(({ device }) => device === 'gw-1-host') && new Set(all.map(({ device }) => device)).size > 24,
    );
    expect(series.map(({ device }) => device)).toEqual(expect.arrayContaining(['climate-01', 'mc-1', 'mc-2']));
    expect(await (await fetch(platform!.found)).text()).toContain('<title>Headwater');
  });

  test('asks the gateway how it is, kills it, and nothing is lost', async () => {
    expect(await clone.run(status!)).toMatch(/acknowledged[\s\S]*forwarded/);
    await clone.run(kill!);
    await until(
      () => clone.run(status!),
      (said) => said.includes('acknowledged'),
    );
    const { counted } = (await api<Summary>('summary')).readings;
    const { readings } = await until(
      () => api<Summary>('summary'),
      ({ readings }) => readings.counted > counted,
    );
    expect(readings.lost).toBe(0);
  });

  test('adds a device, and sends nonsense that is kept as such', async () => {
    await clone.run(ownDevice!);
    await until(
      () => api<{ device: string; value: number }[]>('series'),
      (all) => all.some(({ device, value }) => device === 'my-window' && value === 19.5),
    );
    await clone.run(nonsense!);
    await until(
      () => api<{ deadLetters: { latest: { glimpse: string; origin: string }[] } }>('refused'),
      ({ deadLetters }) => deadLetters.latest.some(({ origin }) => origin.includes('my-window/humidity')),
    );
  });

  test('finds the one value in a file that does not belong there', async () => {
    await clone.run(makeSeries!);
    // The first that is marked; some that follow are too.
    expect(await clone.run(detect!)).toMatch(/^1780054000000,95,/);
  });

  test('stops at Ctrl-C', async () => {
    const stopped = platform!.stop();
    platform = undefined;
    expect(await stopped).toBe(0);
  });
});

describe('how to write a job', () => {
  const [testJob, begin, askRows, check, topics, ...others] = commands(howTo);

  test('its files are a job and a test that passes', async () => {
    expect(others).toEqual([]);
    for (const { info, text } of howTo) {
      const [, name] = /^ts (\S+)$/.exec(info) ?? [];
      if (name === undefined) continue;
      mkdirSync(dirname(join(clone.dir, name)), { recursive: true });
      writeFileSync(join(clone.dir, name), text, { flag: 'a' });
    }
    expect(await clone.run(testJob!)).toMatch(/1 passed/);
  });

  test('run beside the data of the last start, it comes to rows of every site, of what was measured', async () => {
    await start(begin!);
    const { latest, columns } = await until(
      async () => JSON.parse(await clone.run(askRows!)) as Rows,
      ({ latest, shown }) => latest.length === 3 && shown.start.length > 1,
    );
    expect(latest.map(({ site }) => site).sort()).toEqual(['plant-north', 'plant-south', 'warehouse']);
    expect(columns).toEqual(['count', 'mean', 'min', 'max']);
    for (const { count, mean, min, max } of latest) {
      expect(count).toBeGreaterThan(0);
      expect(min).toBeLessThanOrEqual(mean);
      expect(mean).toBeLessThanOrEqual(max);
      // Rooms, and no cold store among them.
      expect(min).toBeGreaterThan(0);
    }
  });

  test('its cluster has what it wants, and its configuration is good', async () => {
    const { jobs } = parse(howTo.find(({ info }) => info === 'yaml')!.text) as { jobs: string[] };
    const written = parse(readFileSync(join(clone.dir, '.headwater/hub.yaml'), 'utf8')) as { jobs: string[] };
    expect(written.jobs).toEqual(jobs.map((file) => join(clone.dir, file)));
    expect(await clone.run(check!)).toMatch(/is good/);
    expect(await clone.run(topics!)).toBe('the cluster is as the catalogue says\n'.repeat(2));
  });

  test.skipIf(!hasChromium)(
    'its chart is on the live page (needs Chromium)',
    async () => {
      const browser = await launch();
      try {
        const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, colorScheme: 'light' });
        await page.goto(platform!.found);
        await page.getByRole('link', { name: 'Your jobs' }).click();
        await page.locator('#own tbody button', { hasText: 'warehouse' }).click();
        await page.locator('#own .canvas[aria-label^="mean of warehouse, last"] canvas').waitFor();
        await page.waitForTimeout(minutes * 60_000);
        const picture = minutes > 0 ? PICTURE : join(clone.dir, 'own-job.png');
        await page.locator('#own').screenshot({ path: picture });
        expect(statSync(picture).size).toBeGreaterThan(5_000);
      } finally {
        await browser.close();
      }
    },
    900_000,
  );
});

interface Rows {
  readonly columns: readonly string[];
  readonly latest: readonly { site: string; count: number; mean: number; min: number; max: number }[];
  readonly shown: { readonly start: readonly number[] };
}
