import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { topic } from '../../contract/index.ts';
import { hasChromium, launch, openStage, type Stage } from './stage.ts';

const rooms = { topic: topic('own.rooms', 'series', 'Warmth of rooms, in windows of 10 s'), by: ['room'], ms: 10_000 };
const tills = { topic: topic('own.tills', 'series', 'Money in tills, by visit'), by: ['till'], ms: null };

describe.skipIf(!hasChromium)('results of own jobs on the live page', () => {
  let browser: Browser;
  let stage: Stage;
  let page: Page;
  const problems: string[] = [];

  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser.close());
  afterEach(async () => {
    await page.context().close();
    await stage.close();
    expect(problems.splice(0)).toEqual([]);
  });

  async function open(own = [rooms, tills], options: BrowserContextOptions = {}): Promise<void> {
    stage = await openStage(own);
    page = await (await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })).newPage();
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    await page.goto(stage.web.url);
    await page.locator('#connection').getByText('Live').waitFor();
  }

  /** The last `minutes` of windows of some rooms. */
  function warm(names: readonly string[], minutes = 10): void {
    const end = Math.floor(Date.now() / 10_000) * 10_000;
    const rows = Array.from({ length: minutes * 6 }, (_, i) => end - (minutes * 6 - i) * 10_000).flatMap(
      (windowStart) =>
        names.map((room, i) => {
          const span = { series: room, windowStart, windowEnd: windowStart + 10_000, revision: 0 };
          return { ...span, room, count: 50 - i, mean: 20 + i + Math.sin(windowStart / 60_000) };
        }),
    );
    stage.source.put('own.rooms', rows);
  }

  const own = () => page.locator('#own');
  const drawn = () => own().locator('.canvas').getAttribute('aria-label');

  test('are not there where nobody has added a job', async () => {
    await open([]);
    stage.source.reading({});
    await page.locator('#readings .tiles button').first().waitFor();
    expect(await own().isVisible()).toBe(false);
    expect(await page.getByRole('link', { name: 'Your jobs' }).isVisible()).toBe(false);
  });

  test('show a first window as soon as it comes, and more as they come', async () => {
    await open();
    await own().getByText('No windows in this time yet').waitFor();
    await own().getByText('Warmth of rooms, in windows of 10 s').waitFor();
    await page.getByRole('link', { name: 'Your jobs' }).waitFor();
    warm(['hall', 'attic']);
    await own().locator('caption, figcaption', { hasText: 'mean of hall' }).waitFor();
    await own().locator('tbody tr', { hasText: 'attic' }).waitFor();
    expect(await own().getByText('No windows in this time yet').isVisible()).toBe(false);
    const at = Math.floor(Date.now() / 10_000) * 10_000;
    const span = { series: 'hall', windowStart: at, windowEnd: at + 10_000, revision: 0 };
    stage.source.put('own.rooms', [{ ...span, room: 'hall', count: 1, mean: 31.25 }]);
    await own().locator('tbody tr', { hasText: 'hall' }).getByText('31.25').waitFor();
    await expect.poll(drawn).toBe('mean of hall, last 31.25');
  });

  test('are chosen by keyboard alone: which job, which column, which series', async () => {
    await open();
    warm(['hall', 'attic']);
    const at = Math.floor(Date.now() / 10_000) * 10_000;
    const span = { series: 'till-1', windowStart: at - 5_000, windowEnd: at, revision: 0, mergedInto: null };
    stage.source.put('own.tills', [{ ...span, till: 'till-1', sum: '12.50' }]);
    await own().locator('tbody tr').first().waitFor();
    await own().getByLabel('Column to show').focus();
    await page.keyboard.press('ArrowUp');
    await expect.poll(drawn).toBe('count of hall, last 50.00');
    await own().locator('tbody button', { hasText: 'attic' }).focus();
    await page.keyboard.press('Enter');
    await expect.poll(drawn).toBe('count of attic, last 49.00');
    await own().getByLabel('Results to show').focus();
    await page.keyboard.press('ArrowDown');
    await expect.poll(drawn).toBe('sum of till-1, last 12.50');
    await own().getByText('12.50').first().waitFor();
  });

  test('are told of where a job cannot run, although everything else does', async () => {
    await open();
    stage.source.reading({});
    await page.locator('#readings .tiles button').first().waitFor();
    const troubles = page.getByRole('list', { name: 'Parts that are not ready' });
    expect(await troubles.isVisible()).toBe(false);
    const detail = 'step rooms needs topics that do not exist: own.rooms';
    stage.parts = [
      { name: 'job rooms', state: 'starting', detail },
      { name: 'job web', state: 'ready', detail: '4 of 4 tasks run' },
    ];
    await troubles.getByText(detail).waitFor();
    expect(await troubles.getByRole('listitem').count()).toBe(1);
    stage.parts = [];
    await troubles.waitFor({ state: 'hidden' });
  });

  test('fit a phone, whatever the names', async () => {
    const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
    const long = { ...tills, topic: { ...tills.topic, name: `own.${'x'.repeat(200)}`, description: 'y'.repeat(300) } };
    await open([rooms, long], phone);
    warm(['z'.repeat(300), '<img src=x onerror="window.owned=1">']);
    await own().getByText('onerror="window.owned=1"').waitFor();
    expect(await page.evaluate('document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth')).toBe(
      0,
    );
    expect(await page.evaluate('window.owned')).toBeUndefined();
    const boxes = await own().locator('select').all();
    for (const box of boxes) expect((await box.boundingBox())!.height).toBeGreaterThanOrEqual(32);
  });

  test('have a place on a wall screen, which still shows everything at once', async () => {
    await open([rooms], { viewport: { width: 1920, height: 1080 } });
    stage.source.history(20);
    stage.source.reading({});
    warm(['hall', 'attic', 'cellar']);
    await page.locator('#readings .tiles button').first().waitFor();
    await own().locator('tbody tr').first().waitFor();
    expect(await page.evaluate('document.scrollingElement.scrollHeight')).toBe(1080);
    const [readings, box] = [await page.locator('#readings').boundingBox(), await own().boundingBox()];
    expect(box!.height).toBeGreaterThan(200);
    expect(readings!.y + readings!.height).toBeLessThanOrEqual(box!.y);
  });
});
