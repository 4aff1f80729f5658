import { type Locator, type Page } from '@playwright/test';

import { announcement, calendarSwitch, CAMILLE, card, enter, FAMILY, untilShown } from '../support/story.ts';
import { expect, test } from '../support/test.ts';

/** Walks on with Tab until the element has the focus, which can be seen all the way. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  for (let steps = 0; steps < 60; steps++) {
    await page.keyboard.press('Tab');
    const seen = await page.evaluate(() => {
      const it = document.activeElement;
      if (!it || it === document.body) return true;
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(it);
      return (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2) || boxShadow !== 'none';
    });
    expect(seen, 'the focus can be seen').toBe(true);
    if (await target.evaluate((it) => it === document.activeElement)) return;
  }
  throw new Error(`Tab does not reach ${target}`);
}

async function press(page: Page, target: Locator, key = 'Enter'): Promise<void> {
  await expect(target).toBeVisible();
  await tabTo(page, target);
  await page.keyboard.press(key);
}

test('the story: enter, connect, choose, sync, disconnect', async ({ page }) => {
  await page.goto('/login');
  await press(page, page.getByRole('button', { name: 'Entrer comme Camille Moreau' }));
  await press(page, page.getByRole('link', { name: 'Calendriers' }));
  await press(page, page.getByRole('button', { name: 'Connecter Google Calendar' }));
  await page.getByRole('button', { name: CAMILLE }).press('Enter');
  await page.getByRole('button', { name: 'Autoriser' }).press('Enter');
  await untilShown(page, card(page, CAMILLE).getByText('Connecté', { exact: true }));
  await press(page, calendarSwitch(page, FAMILY), 'Space');
  await expect(calendarSwitch(page, FAMILY)).toBeChecked();
  await untilShown(page, card(page, CAMILLE).getByText('Connecté', { exact: true }));
  await press(page, page.getByRole('button', { name: `Synchroniser ${CAMILLE}` }));
  await expect(announcement(page)).toContainText('Synchronisé');
  await press(page, page.getByRole('link', { name: 'Agenda', exact: true }));
  await press(page, page.getByRole('link', { name: 'Semaine suivante' }));
  await expect(page).toHaveURL(/week=/);
  await press(page, page.getByRole('link', { name: 'Calendriers' }));
  await press(page, page.getByRole('link', { name: `Déconnecter ${CAMILLE}` }));
  await press(page, page.getByRole('button', { name: 'Déconnecter' }));
  await expect(announcement(page)).toContainText('est déconnecté');
});

test('the first step leads past the navigation', async ({ page }) => {
  await enter(page);
  await page.goto('/settings/calendars');
  await page.keyboard.press('Tab');
  const skip = page.getByRole('link', { name: 'Aller au contenu' });
  await expect(skip).toBeFocused();
  await expect(skip).toBeInViewport();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await expect(page.getByRole('button', { name: 'Connecter Google Calendar' })).toBeFocused();
});
