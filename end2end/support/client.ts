// The steps of a client who books.

import { expect, type Page } from '@playwright/test';

/** Clients come by the link that the provider gives away. */
export async function openBooking(page: Page): Promise<void> {
  const answer = await page.request.get('/api/v1/providers', { headers: { authorization: 'Bearer demo' } });
  const id = /"id":\s*"([0-9a-f-]{36})"/.exec(await answer.text())?.[1];
  await page.goto(`/book/${id ?? ''}`);
}

export async function chooseSlot(page: Page, which: 'first' | 'last'): Promise<string> {
  const one = (selector: string) => (which === 'first' ? page.locator(selector).first() : page.locator(selector).last());
  await one('a.pick').click();
  const slot = one('a.slot');
  const time = (await slot.locator('span').first().textContent()) ?? '';
  await slot.click();
  await expect(page.locator('a.slot[aria-current]')).toContainText(time);
  return time;
}

/** From the provider's page to an appointment that is confirmed; when it begins. */
export async function book(page: Page): Promise<string> {
  await openBooking(page);
  await page.getByRole('link', { name: /^Massage 60min/ }).click();
  const time = await chooseSlot(page, 'last');
  await page.getByLabel('Nom', { exact: true }).fill('Marie Dubois');
  await page.getByLabel('Téléphone', { exact: true }).fill('06 12 34 56 78');
  await page.getByLabel('E-mail', { exact: true }).fill('marie@exemple.fr');
  await page.getByLabel('Adresse du rendez-vous').fill('12 rue des Lilas, 75011 Paris');
  await page.getByLabel('Instructions').fill('3e étage, <b>code</b> 12A');
  await page.getByRole('button', { name: 'Réserver' }).click();
  await expect(page.getByText('Confirmé', { exact: true })).toBeVisible();
  return time;
}
