import { join } from 'node:path';
import { launch } from './stage.ts';

interface Shot {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly theme: 'light' | 'dark';
  readonly whole: boolean;
}

const SHOTS: readonly Shot[] = [
  { name: 'desktop-light', width: 1440, height: 900, theme: 'light', whole: true },
  { name: 'desktop-dark', width: 1440, height: 900, theme: 'dark', whole: true },
  { name: 'wall-light', width: 1920, height: 1080, theme: 'light', whole: false },
  { name: 'wall-dark', width: 1920, height: 1080, theme: 'dark', whole: false },
  { name: 'tablet-light', width: 820, height: 1180, theme: 'light', whole: true },
  { name: 'phone-light', width: 360, height: 780, theme: 'light', whole: true },
  { name: 'phone-dark', width: 360, height: 780, theme: 'dark', whole: true },
];

/** Pictures of a live page on several screens, as `<dir>/<name>.png`; gives the names. `settleMs` lets charts fill first; `hasDialogs`: of the alerts' dialogs too. */
export async function takeScreenshots(
  url: string,
  dir: string,
  settleMs = 4_000,
  hasDialogs = false,
): Promise<string[]> {
  const browser = await launch();
  try {
    await Promise.all(
      SHOTS.map(async ({ name, width, height, theme, whole }) => {
        const page = await browser.newPage({ viewport: { width, height }, colorScheme: theme });
        await page.goto(url);
        await page.locator('#readings .uplot').waitFor();
        await page.waitForTimeout(settleMs);
        await page.screenshot({ path: join(dir, `${name}.png`), fullPage: whole });
        if (!hasDialogs) return;
        for (const [what, open] of [
          ['silence', page.locator('#alerts > .rows button:visible').first()],
          ['channels', page.locator('#alerts > header button')],
        ] as const) {
          await open.click();
          await page.locator('dialog[open]').screenshot({ path: join(dir, `${name}-${what}.png`) });
          await page.keyboard.press('Escape');
        }
      }),
    );
  } finally {
    await browser.close();
  }
  return SHOTS.map((shot) => shot.name);
}
