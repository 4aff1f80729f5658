import { AxeBuilder } from '@axe-core/playwright';
import { type BrowserContext, expect, type Page, test } from '@playwright/test';

const WCAG_AA = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

/** The page breaks no rule of WCAG A and AA that a program can check. */
export function expectAccessible(page: Page): Promise<void> {
  return expectNoViolation(page, (axe) => axe.withTags(WCAG_AA));
}

/** The same in light and in dark: of all rules only that of contrasts depends on it. */
export async function expectAccessibleLightAndDark(page: Page): Promise<void> {
  // Axe is a script itself.
  if (test.info().project.use.javaScriptEnabled === false) return;
  await page.emulateMedia({ colorScheme: 'light' });
  await expectAccessible(page);
  await page.emulateMedia({ colorScheme: 'dark' });
  await expectNoViolation(page, (axe) => axe.withRules('color-contrast'));
}

async function expectNoViolation(page: Page, which: (axe: AxeBuilder) => AxeBuilder): Promise<void> {
  // There are no frames, so that the page of its own on which axe joins their results is not needed.
  const { violations } = await which(new AxeBuilder({ page }).setLegacyMode()).analyze();
  const found = violations.map((it) => ({
    rule: it.id,
    help: it.help,
    where: it.nodes.map((node) => `${node.target.join(' ')}: ${node.failureSummary ?? ''}`),
  }));
  expect(found, `${page.url()} is not accessible`).toEqual([]);
}

/** Nothing on the page is wider than the screen. */
export async function expectFits(page: Page): Promise<void> {
  const [content, screen] = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return [scrollWidth, clientWidth];
  });
  expect(content, `${page.url()} is wider than the screen`).toBeLessThanOrEqual(screen);
}

/**
 * The page can be used where no script runs: it is complete, each button that can be seen and pressed
 * belongs to a form that goes somewhere (or opens a `details` or `dialog` by itself), and each link leads on.
 */
export async function expectUsableWithoutScript(page: Page): Promise<void> {
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await expect(page.getByRole('main')).toBeVisible();
  await expect(page.locator('[aria-busy="true"]:visible')).toHaveCount(0);
  const useless = await page.evaluate(() => {
    const dead = (it: HTMLButtonElement) =>
      !it.disabled && !it.popoverTargetElement && !it.hasAttribute('commandfor') && (it.type !== 'submit' || !it.form);
    const buttons = [...document.querySelectorAll('button')].filter(dead);
    const links = [...document.querySelectorAll('a:not([href]), a[href="#"], a[href^="javascript:"]')];
    return [...buttons, ...links].filter((it) => it.checkVisibility()).map((it) => it.outerHTML);
  });
  expect(useless, `${page.url()} needs JavaScript`).toEqual([]);
}

/**
 * Collects what browsers complain of: errors of scripts, files that do not load, breaches of the content
 * security policy. A page that answers an address or a form with 4xx is no such complaint, nor is a page that finds the
 * connection gone while it listens or renews itself: it says so itself.
 */
export function complaints(context: BrowserContext): string[] {
  const found: string[] = [];
  const refusedPages = new Set<string>();
  // A form may say which part of its answer is to be looked at first; the server does not see that.
  const plain = (url: string): string => url.split('#')[0] ?? url;
  context.on('response', (response) => {
    const request = response.request();
    // A page that is gone when it renews itself says so, too.
    const isPage = request.isNavigationRequest() || 'simone-refresh' in request.headers();
    if (isPage && response.status() >= 400 && response.status() < 500) {
      refusedPages.add(plain(response.url()));
    }
  });
  context.on('console', (message) => {
    const { url } = message.location();
    const failed = message.text().startsWith('Failed to load resource');
    const refusal = failed && (refusedPages.has(plain(url)) || /net::ERR_/.test(message.text()));
    const breach = message.text().includes('Content Security Policy');
    if ((message.type() === 'error' && !refusal) || breach) found.push(`${message.text()} (${url})`);
  });
  context.on('weberror', (error) => found.push(String(error.error())));
  return found;
}
