import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { hasChromium, launch, openStage, type Stage } from './stage.ts';

describe.skipIf(!hasChromium)('the live page in Chromium', () => {
  let browser: Browser;
  let stage: Stage;
  let page: Page;
  let problems: string[];

  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(async () => {
    await browser.close();
  });
  beforeEach(async () => {
    stage = await openStage();
    problems = [];
  });
  afterEach(async () => {
    await page.context().close();
    await stage.close();
    expect(problems).toEqual([]);
  });

  /** Opens the page; errors on it, and anything it asks of others, fail the test. */
  async function open(options: BrowserContextOptions = {}, query = ''): Promise<void> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    page = await context.newPage();
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
    page.on('request', (request) => {
      if (!request.url().startsWith(stage.web.url)) problems.push(`asked for ${request.url()}`);
    });
    await page.goto(stage.web.url + query);
  }

  const badge = () => page.locator('#connection');
  const tile = (name: string) => page.locator('#readings .tiles button', { hasText: name });
  /** How many pixels of a chart differ from its ground. */
  const inked = (selector: string) =>
    page.locator(`${selector} canvas`).evaluate((node) => {
      const canvas = node as unknown as { width: number; height: number; getContext(kind: '2d'): Drawing };
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return data.filter((alpha, i) => i % 4 === 3 && alpha > 0).length;
    });
  const sidewaysScroll = () =>
    page.evaluate('document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth');

  test('says what is starting and what to do while there is nothing to show', async () => {
    stage.parts = [
      { name: 'kafka', state: 'starting', detail: 'formatting its storage' },
      { name: 'gateway', state: 'failed', detail: 'port 1883 is taken' },
    ];
    await open();
    const starting = page.locator('#starting');
    await starting.getByText('formatting its storage').waitFor();
    await starting.getByText('port 1883 is taken').waitFor();
    expect(await starting.textContent()).toContain('headwater simulate devices');
    expect(await page.locator('#readings .empty').isVisible()).toBe(true);
    expect(await page.locator('#gateways .empty').isVisible()).toBe(true);
    stage.source.readings();
    await tile('boiler-1').first().waitFor();
    await starting.waitFor({ state: 'hidden' });
    expect(await page.locator('#readings .empty').isVisible()).toBe(false);
  });

  test('shows readings as they come, before and after the first window', async () => {
    await open();
    stage.source.reading({ value: 20.5 });
    await tile('pump-1').getByText('20.50 °C').waitFor();
    await badge().getByText('Live').waitFor();
    stage.source.reading({ value: 23.75 });
    await tile('pump-1').getByText('23.75 °C').waitFor();
    await page.locator('#overview', { hasText: 'p99' }).waitFor();

    stage.source.history(20);
    stage.play();
    await page.locator('#web tbody').getByText('/api/checkout').waitFor();
    await page.locator('#transactions tbody').getByText('DE-4410-22').waitFor();
    await page.locator('#gateways').getByText('catching up').waitFor();
    await page.locator('#refused').getByText('LINE_TOO_LONG', { exact: true }).waitFor();
    await page.locator('#health').getByText('hub.intake/iot.raw').waitFor();
    await page.locator('#overview', { hasText: '286,566' }).waitFor();
    await tile('boiler-1').first().click();
    for (const chart of ['#readings .chart', '#web figure:first-child', '#transactions figure:first-child']) {
      await expect.poll(() => inked(chart)).toBeGreaterThan(1_000);
    }
    expect(stage.web.summary().firstChartAt).not.toBeNull();
  });

  test('shows how sites feel, with the weather outside, and which devices are silent', async () => {
    const now = Date.now();
    stage.source.gateway();
    await open();
    await page.locator('#gateways').getByText('connected').waitFor();
    expect(await page.locator('#sites').isVisible()).toBe(false);
    const windowStart = Math.floor(now / 60_000) * 60_000 - 60_000;
    const window = { series: 'plant/room', windowStart, windowEnd: windowStart + 60_000, revision: 0, count: 9 };
    const air = { temperature: 30, humidity: 90, discomfort: 29.15 };
    stage.source.put('iot.sites.comfort.1m', [{ ...window, site: 'plant', type: 'room', devices: 3, ...air }]);
    stage.source.put('weather.sites', [{ site: 'plant', place: 'city', provider: 'x', temperature: 34.5, ts: now }]);
    const row = page.locator('#sites tbody tr');
    for (const cell of ['3 room', '29.15 °C', 'severe stress', '34.50 °C']) await row.getByText(cell).waitFor();

    const silence = { id: 's', series: 'gw-plant/pump-7', kind: 'device', cause: 'no-readings', gateway: 'gw-plant' };
    const of = { ...silence, site: 'plant', device: 'pump-7', since: now - 300_000, usualMs: 10_000, ts: now };
    stage.source.put('iot.silences', [{ ...of, state: 'silent' }]);
    await page.locator('#gateways').getByText('pump-7 for 5 min').waitFor();
    stage.source.put('iot.silences', [{ ...of, state: 'back' }]);
    await page.locator('#gateways').getByText('Silent devices').waitFor({ state: 'hidden' });
    const dead = { ...of, series: 'gw-plant', kind: 'gateway', device: null, usualMs: null };
    stage.source.put('iot.silences', [{ ...dead, state: 'silent' }]);
    await page.locator('#gateways').getByText('none of its devices is heard').waitFor();
  });

  test('is worked by keyboard alone', async () => {
    stage.source.history(20);
    stage.play();
    await open();
    await tile('boiler-1').first().waitFor();

    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toContain('Skip');
    const outline = await page.evaluate('getComputedStyle(document.activeElement).outlineStyle');
    expect(outline).toBe('solid');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('content');

    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.id')).toBe('picker');
    await page.keyboard.type('silo vib');
    await page.getByRole('option', { name: 'silo-3 · vibration' }).waitFor();
    expect(await page.locator('#picker-list').getByRole('option').count()).toBe(1);
    await page.keyboard.press('Enter');
    await expect.poll(() => page.url()).toContain('device=silo-3&metric=vibration');
    await page.locator('#readings .canvas[aria-label^="vibration of silo-3"]').waitFor();

    await page.keyboard.press('ArrowDown');
    const before = await page.locator('[aria-selected="true"]').textContent();
    await page.keyboard.press('ArrowUp');
    expect(await page.locator('[aria-selected="true"]').textContent()).not.toBe(before);
    const active = await page.locator('#picker').getAttribute('aria-activedescendant');
    expect(await page.locator('[aria-selected="true"]').getAttribute('id')).toBe(active);
    await page.keyboard.press('Escape');
    expect(await page.getByRole('listbox').isVisible()).toBe(false);
    expect(await page.locator('#picker').inputValue()).toBe('silo-3 · vibration');
  });

  test('silences an alert by keyboard, shows what is held back and why, and ends the silence', async () => {
    stage.source.history(20);
    stage.source.alerting();
    await open();
    const alert = page.locator('#alerts > .rows > li', { hasText: 'More than 5 % of requests' });
    const button = alert.getByRole('button', { name: /^Silence: More than 5 %/ });
    await button.waitFor();
    const held = page.locator('#alerts > .rows > li', { hasText: 'device pump-3' });
    expect(await held.textContent()).toContain('follows from: gateway gw-well at well');
    await page.getByRole('button', { name: 'team not reached' }).waitFor();

    await button.focus();
    await page.keyboard.press('Enter');
    const form = page.getByRole('dialog', { name: 'Silence alerts' });
    await form.waitFor();
    expect(await form.getByRole('checkbox', { name: 'path=/api/checkout' }).isChecked()).toBe(true);
    expect(await page.evaluate('document.activeElement.id')).toBe('silence-comment');
    await page.keyboard.type('being mended');
    await page.keyboard.press('Tab');
    await page.keyboard.type('mira');
    await page.keyboard.press('Enter');
    await form.waitFor({ state: 'hidden' });
    await alert.getByText('silenced').waitFor();
    expect(await alert.textContent()).toMatch(/until .*: being mended/);

    await page.getByRole('button', { name: 'team not reached' }).click();
    const details = page.getByRole('dialog', { name: 'Silences and channels' });
    await details.getByRole('button', { name: /^End the silence of .*path=\/api\/checkout/ }).click();
    await page.keyboard.press('Escape');
    await alert.getByText('firing').waitFor();
  });

  test('a star in what a visitor asked for is one in the silence too', async () => {
    await open();
    const boxes = await page.evaluate(`import('/silence-form.js').then(({ silenceForm }) => {
      const form = silenceForm(() => {});
      document.body.append(form.node);
      form.open({ rule: 'web-errors', severity: 'info', series: '/*', labels: { path: '/*' }, summary: 's' });
      return Array.from(form.node.querySelectorAll('input[type=checkbox]'), (box) => box.value);
    })`);
    expect(boxes).toEqual(['rule=web-errors', 'path=/\\*', 'severity=info', 'series=/\\*']);
  });

  test('keeps the focus and the place of a table row while figures move', async () => {
    stage.source.history(20);
    await open();
    const row = page.locator('#web tbody button', { hasText: '/login' });
    await row.focus();
    await page.keyboard.press('Enter');
    await page.locator('#web figcaption', { hasText: 'Response time of /login' }).waitFor();
    stage.source.history(1);
    await page.waitForResponse((response) => response.url().includes('/api/web'));
    expect(await page.evaluate('document.activeElement.textContent')).toBe('/login');
  });

  test('fits a phone: nothing to scroll sideways, whatever the names', async () => {
    stage.source.history(20);
    stage.play();
    const long = 'x'.repeat(64);
    stage.source.reading({ device: long, metric: long, site: long });
    stage.source.alert({ id: 'long', summary: long.repeat(3), series: long.repeat(2) });
    stage.source.gateway({ gateway: long, site: long });
    await open({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
    await page.locator('#alerts').getByText(long.repeat(3)).waitFor();
    await page.locator('#gateways').getByText(long).first().waitFor();
    await tile('boiler-1').first().waitFor();
    expect(await sidewaysScroll()).toBe(0);
    await page.setViewportSize({ width: 320, height: 640 });
    expect(await sidewaysScroll()).toBe(0);
  });

  test.each([1_400, 1_216, 800, 390])(
    'has no gap in the strip of figures when it is %i pixels wide, and room for seven digits',
    async (width) => {
      await open({ viewport: { width, height: 900 } });
      await expect.poll(() => page.locator('#overview .figure').count()).toBeGreaterThan(0);
      const boxes = await page.locator('#overview, #overview .figure').evaluateAll((nodes) =>
        nodes.map((node) => {
          const { right, top } = (
            node as unknown as { getBoundingClientRect(): { right: number; top: number } }
          ).getBoundingClientRect();
          return { right, top };
        }),
      );
      const over = await page
        .locator('#overview strong')
        .first()
        .evaluate((node) => {
          const strong = node as unknown as { textContent: string; scrollWidth: number; clientWidth: number };
          strong.textContent = '9,999,999';
          return strong.scrollWidth - strong.clientWidth;
        });
      // Beside it is as much that is empty.
      expect(over).toBeLessThanOrEqual(12);
      const [strip, ...figures] = boxes;
      // The last of each row, by its top.
      const rows = new Map(figures.map(({ top, right }) => [Math.round(top), right]));
      for (const right of rows.values()) expect(Math.abs(strip!.right - right)).toBeLessThan(2.5);
    },
  );

  test('fills a wall screen without scrolling', async () => {
    stage.source.history(20);
    stage.play();
    await open({ viewport: { width: 1920, height: 1080 } });
    await tile('boiler-1').first().waitFor();
    await page.locator('#web tbody').getByText('/api/checkout').waitFor();
    expect(await page.evaluate('document.scrollingElement.scrollHeight')).toBe(1080);
    expect(await page.evaluate('parseFloat(getComputedStyle(document.documentElement).fontSize)')).toBeGreaterThan(
      16.5,
    );
  });

  test('follows the dark or light of the system until one is chosen, and keeps what was chosen', async () => {
    const ground = () => page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
    await open({ colorScheme: 'dark' });
    const dark = await ground();
    await page.emulateMedia({ colorScheme: 'light' });
    const light = await ground();
    expect(dark).not.toBe(light);
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.getByRole('button', { name: 'Theme: auto' }).click();
    expect(await ground()).toBe(light);
    await page.reload();
    await page.getByRole('button', { name: 'Theme: light' }).waitFor();
    expect(await ground()).toBe(light);
  });

  test.each(['light', 'dark'] as const)(
    'every text colour stands out from its ground in the %s theme',
    async (colorScheme) => {
      await open({ colorScheme });
      const colours = (await page.evaluate(`(async () => {
      const { themeColour } = await import('/theme-toggle.js');
      const names = ['--ground', '--panel', '--sunken', '--ink', '--muted', '--blue', '--orange', '--teal', '--amber', '--purple'];
      return Object.fromEntries(names.map((name) => [name, themeColour(name)]));
    })()`)) as Record<string, string>;
      const { '--ground': ground, '--panel': panel, '--sunken': sunken, ...texts } = colours;
      for (const [name, text] of Object.entries(texts)) {
        for (const under of [ground!, panel!, sunken!]) {
          expect(contrast(text, under), `${name} on ${under}`).toBeGreaterThanOrEqual(4.5);
        }
      }
    },
  );

  test('takes names and texts from strangers as text', async () => {
    const hostile = '<img src=x onerror="window.owned=1"><script>window.owned=1</script>"\'{{1}}\u202e';
    stage.source.history(20);
    const now = Math.floor(Date.now() / 10_000) * 10_000;
    const span = { windowStart: now - 10_000, windowEnd: now, revision: 0, count: 1e6, series: hostile };
    stage.source.put('web.requests.10s', [{ ...span, path: hostile, errorShare: 0.5, p50: 1, p95: 2, p99: 3 }]);
    stage.source.put('finance.transactions.10s', [{ ...span, account: hostile, currency: 'EUR', sum: '1', max: '1' }]);
    stage.source.alert({ id: 'hostile', rule: hostile, series: hostile, summary: hostile });
    stage.source.gateway({ version: hostile, inputs: [{ name: hostile, state: 'failed', detail: hostile }] });
    const bytes = Buffer.from(hostile).toString('base64');
    stage.source.put('dead-letters', [{ origin: hostile, code: hostile, reason: hostile, bytes, ts: Date.now() }]);
    stage.source.put('anomalies', [
      {
        id: 'h',
        source: 'amounts',
        series: hostile,
        ts: Date.now(),
        value: 1,
        expected: null,
        score: 1,
        reason: hostile,
        detector: hostile,
      },
    ]);
    stage.source.reading({ device: 'constructor', metric: 'toString' });
    await open({}, `?device=${encodeURIComponent(hostile)}&metric=__proto__`);
    for (const id of ['web', 'transactions', 'alerts', 'anomalies', 'gateways', 'refused']) {
      await page.locator(`#${id}`).getByText('onerror="window.owned=1"').first().waitFor();
    }
    await tile('constructor').waitFor();
    expect(await page.evaluate('window.owned')).toBeUndefined();
    expect(await page.locator('main img, main script').count()).toBe(0);
  });

  test('says so when the server is gone, and catches up by itself when it is back', async () => {
    stage.source.history(20);
    stage.play();
    await open();
    await badge().getByText('Live').waitFor();
    await tile('boiler-1').first().waitFor();
    await stage.restart(async () => {
      await badge().getByText('No connection').waitFor();
      stage.source.alert({ id: 'meanwhile', summary: 'It happened while nobody looked' });
    });
    await badge().getByText('Live').waitFor();
    await page.locator('#alerts').getByText('It happened while nobody looked').waitFor();
    // What the browser itself says of a server that is gone.
    problems = problems.filter((problem) => !/ERR_(CONNECTION|INCOMPLETE|EMPTY)/.test(problem));
  });

  test('tells a screen reader of an alert that begins to fire, and not of those there were', async () => {
    stage.source.alert({ id: 'old', summary: 'An old one' });
    await open();
    await page.locator('#alerts').getByText('An old one').waitFor();
    stage.source.alert({ id: 'new', summary: 'A new one' });
    await page.locator('#announcer').getByText('Alert firing: A new one').waitFor({ state: 'attached' });
    expect(await page.locator('#announcer').getAttribute('aria-live')).toBe('polite');
  });

  test('does not jump about while it fills and runs', async () => {
    await open();
    await badge().getByText('Live').waitFor();
    stage.source.history(20);
    stage.play();
    await page.locator('#web tbody').getByText('/api/checkout').waitFor();
    await tile('boiler-1').first().waitFor();
    await page.evaluate(`window.shifts = 0; new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) window.shifts += entry.value;
    }).observe({ type: 'layout-shift' });`);
    for (let i = 0; i < 3; i++) {
      const loaded = page.waitForResponse((response) => response.url().includes('/api/web'));
      stage.source.history(1);
      await loaded;
    }
    expect(await page.evaluate('window.shifts')).toBeLessThan(0.02);
  });
});

interface Drawing {
  getImageData(x: number, y: number, width: number, height: number): { data: Uint8ClampedArray };
}

/** Contrast of two `rgb(…)` colours as WCAG 2 defines it. */
function contrast(a: string, b: string): number {
  const [one, other] = [a, b].map(luminance).sort((x, y) => y - x);
  return (one! + 0.05) / (other! + 0.05);
}

function luminance(colour: string): number {
  const [r, g, b] = colour.match(/\d+/g)!.map((part) => {
    const share = Number(part) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}
