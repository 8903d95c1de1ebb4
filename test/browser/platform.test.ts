import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { headwater } from '../../cli/support.ts';
import { provision } from '../../hub/topics/index.ts';
import { startPlatform } from '../../infra/local/index.ts';
import { hasChromium, launch } from './stage.ts';

const README_PICTURE = fileURLToPath(new URL('../../docs/images/live-page.png', import.meta.url));
/** Set to the minutes of data that the README's picture should show, to make it anew. */
const minutes = Number(process.env.HEADWATER_PICTURE_MINUTES ?? 0);

describe.skipIf(!hasChromium)('the live page over the whole platform (needs Chromium)', () => {
  test('shows what devices measure, what people buy and how the gateway is, and has its picture taken', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'headwater-picture-'));
    const platform = await startPlatform({
      dir,
      brokers: 1,
      pagePort: 0,
      simulate: ['--devices', '24'],
      program: headwater,
      provision,
      onProgress: () => {},
    });
    const browser = await launch();
    try {
      const page = await browser.newPage({ viewport: { width: 1440, height: 1000 }, colorScheme: 'light' });
      const problems: string[] = [];
      page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
      page.on('pageerror', (error) => problems.push(error.message));
      await page.goto(platform.page);
      await page.locator('#readings .uplot').waitFor({ timeout: 60_000 });
      await page.getByText('climate-01').first().waitFor({ timeout: 60_000 });
      await page.getByText('gw-1').first().waitFor({ timeout: 60_000 });
      await page.getByText('/product/:id').first().waitFor({ timeout: 60_000 });
      await page.getByText('acc-00001').first().waitFor({ timeout: 60_000 });
      await page.waitForTimeout(minutes * 60_000);
      const picture = minutes > 0 ? README_PICTURE : join(dir, 'live-page.png');
      mkdirSync(join(picture, '..'), { recursive: true });
      await page.screenshot({ path: picture });
      expect(statSync(picture).size).toBeGreaterThan(50_000);
      expect(problems).toEqual([]);
    } finally {
      await browser.close();
      await platform.close();
      rmSync(dir, { recursive: true, force: true });
    }
  }, 900_000);
});
