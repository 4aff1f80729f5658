// The story without a script is the story's own test, tagged @plain.

import { next, Weekday } from '../support/days.ts';
import {
  announcement,
  blocks,
  calendarSwitch,
  CAMILLE,
  card,
  connect,
  enter,
  expectBlock,
  FAMILY,
  openWeek,
  untilShown,
} from '../support/story.ts';
import { expect, expectUsableWithoutScript, test } from '../support/test.ts';

test('each page can be used without a script @plain', async ({ page }) => {
  await enter(page);
  const pages = ['/agenda', '/settings/calendars', '/settings/account', '/sync-log', '/notifications'];
  for (const address of pages) {
    await page.goto(address);
    await expectUsableWithoutScript(page);
  }
  await connect(page);
  const details = await page.getByRole('link', { name: `Détails de ${CAMILLE}` }).getAttribute('href');
  await page.goto(`/agenda?week=${next(Weekday.Tuesday)}`);
  const reason = await page.locator('.block a').first().getAttribute('href');
  await page.goto('/settings/calendars');
  const upcoming = await page.getByRole('link', { name: /Événements à venir/ }).first().getAttribute('href');
  await page.goto('/sync-log');
  const round = await page.locator('.log a').first().getAttribute('href');
  const told = [reason!, upcoming!, `${upcoming}?show=free`, round!];
  for (const address of [...pages, ...told, details!, `${details}/disconnect`, '/settings/account/zone?zone=Asia/Tokyo']) {
    await page.goto(address);
    await expectUsableWithoutScript(page);
  }
});

test.describe('in English', () => {
  test.use({ locale: 'en-GB' });

  test('the story', async ({ page }) => {
    await page.goto('/login');
    await expect(page.locator('html')).toHaveAttribute('lang', 'en');
    // Camille's own language is French; what is chosen on this browser goes before it.
    await page.getByRole('button', { name: 'English' }).click();
    await page.getByRole('button', { name: 'Enter as Camille Moreau' }).click();
    await expect(page.getByRole('heading', { name: 'Your agenda is waiting for your calendars' })).toBeVisible();
    await page.getByRole('link', { name: 'Calendars' }).click();
    await page.getByRole('button', { name: 'Connect Google Calendar' }).click();
    await page.getByRole('button', { name: CAMILLE }).click();
    await page.getByRole('button', { name: 'Allow' }).click();
    await expect(announcement(page)).toContainText('Google Calendar is connected.');
    await untilShown(page, card(page, CAMILLE).getByText('Connected', { exact: true }));
    await page.getByRole('switch', { name: `Block the slots of “${FAMILY}”` }).click();
    await untilShown(page, card(page, CAMILLE).getByText('Connected', { exact: true }));
    await page.getByRole('button', { name: `Sync ${CAMILLE} now` }).click();
    await expect(announcement(page)).toContainText('Synced: your agenda is up to date.');
    const dentist = next(Weekday.Thursday);
    await openWeek(page, dentist);
    await expect(page.getByText('Paris time')).toBeVisible();
    await expect(blocks(page, dentist, 'Dentiste', 'en')).toContainText('15:00 – 16:00');
    await page.goto('/settings/calendars');
    await page.getByRole('link', { name: `Disconnect ${CAMILLE}` }).click();
    await page.getByRole('button', { name: 'Disconnect' }).click();
    await expect(announcement(page)).toContainText(`${CAMILLE} is disconnected.`);
  });

  test('and back to French, for good @plain', async ({ page }) => {
    await page.goto('/login');
    await page.getByRole('button', { name: 'Français' }).click();
    await expect(page.locator('html')).toHaveAttribute('lang', 'fr');
    await enter(page);
    await page.getByRole('link', { name: 'Réglages' }).click();
    await page.getByRole('button', { name: 'English' }).click();
    await expect(announcement(page)).toContainText('Simone speaks English to you.');
    await page.goto('/agenda');
    await expect(page.locator('html')).toHaveAttribute('lang', 'en');
  });
});

test('in the dark the pages are dark', async ({ page }) => {
  const brightness = () =>
    page.evaluate(() => {
      const canvas = document.createElement('canvas').getContext('2d')!;
      canvas.fillStyle = getComputedStyle(document.body).backgroundColor;
      canvas.fillRect(0, 0, 1, 1);
      const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data;
      return (red! + green! + blue!) / 3;
    });
  await enter(page);
  await connect(page);
  await expectBlock(page, next(Weekday.Thursday), 'Dentiste');
  await page.emulateMedia({ colorScheme: 'light' });
  expect(await brightness()).toBeGreaterThan(200);
  await page.emulateMedia({ colorScheme: 'dark' });
  expect(await brightness()).toBeLessThan(60);
});
