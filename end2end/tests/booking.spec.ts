// The client's story: an appointment is booked, moved and cancelled by someone whom nobody knows.

import type { Page } from '@playwright/test';

import { expect, expectAccessibleLightAndDark, expectFits, expectUsableWithoutScript, test } from '../support/test.ts';

/** Where the demo's provider is booked. */
async function openBooking(page: Page): Promise<void> {
  const answer = await page.request.get('/api/v1/providers', { headers: { authorization: 'Bearer demo' } });
  const text = await answer.text();
  const id = /"id":\s*"([0-9a-f-]{36})"/.exec(text)?.[1];
  expect(id, text).toBeDefined();
  await page.goto(`/book/${id}`);
}

/** On the page of a service: the last slot of the last day of the week that is shown. */
async function chooseLastSlot(page: Page): Promise<string> {
  await page.locator('a.pick').last().click();
  const slot = page.locator('a.slot').last();
  const time = (await slot.locator('span').first().textContent()) ?? '';
  await slot.click();
  await expect(page.locator('a.slot[aria-current]')).toContainText(time);
  return time;
}

async function fill(page: Page, names: { name: string; phone: string; address: string; instructions: string }): Promise<void> {
  await page.getByLabel(names.name, { exact: true }).fill('Marie Dubois');
  await page.getByLabel(names.phone, { exact: true }).fill('06 12 34 56 78');
  await page.getByLabel('E-mail', { exact: true }).fill('marie@exemple.fr');
  await page.getByLabel(names.address).fill('12 rue des Lilas, 75011 Paris');
  await page.getByLabel(names.instructions).fill('3e étage, code 12A');
}

const FRENCH = { name: 'Nom', phone: 'Téléphone', address: 'Adresse du rendez-vous', instructions: 'Instructions' };

test('a client books, moves and cancels @plain', async ({ page }) => {
  const look = async () => {
    await expectFits(page);
    await expectUsableWithoutScript(page);
  };
  await openBooking(page);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Prendre rendez-vous avec Camille Moreau');
  await look();
  await page.getByRole('link', { name: /^Massage 60min/ }).click();
  await look();
  const time = await chooseLastSlot(page);
  await look();

  // What is missing is said, and what was typed stays.
  await page.getByLabel('Nom', { exact: true }).fill('Marie Dubois');
  await page.getByRole('button', { name: 'Réserver' }).click();
  await expect(page.getByRole('alert')).toContainText('3 champs sont à corriger');
  await expect(page.getByLabel('Nom', { exact: true })).toHaveValue('Marie Dubois');
  await look();
  await fill(page, FRENCH);
  await page.getByRole('button', { name: 'Réserver' }).click();
  await expect(page).toHaveURL(/\/bookings\/[\w-]{43}/);
  await expect(page.getByRole('status').first()).toContainText('C’est réservé.');
  await expect(page.getByText('Confirmé', { exact: true })).toBeVisible();
  await expect(page.getByRole('main')).toContainText(time);
  await look();

  await page.getByRole('link', { name: 'Déplacer' }).click();
  await page.locator('a.pick').first().click();
  const other = await page.locator('a.slot span').first().textContent();
  await page.locator('a.slot').first().click();
  await look();
  await page.getByRole('button', { name: 'Déplacer à ce moment' }).click();
  await expect(page.getByRole('status').first()).toContainText('Le rendez-vous est déplacé.');
  await expect(page.getByRole('main')).toContainText(other ?? 'nothing');

  await page.getByRole('link', { name: 'Annuler' }).click();
  await expect(page.getByRole('heading', { name: 'Annuler ce rendez-vous ?' })).toBeVisible();
  await look();
  await page.getByRole('button', { name: 'Annuler le rendez-vous' }).click();
  await expect(page.getByText('Annulé', { exact: true })).toBeVisible();

  // The demo's mailbox has what they were written.
  await expect(async () => {
    await page.goto('/demo/mail');
    for (const subject of [/^Rendez-vous confirmé :/, /^Rendez-vous déplacé :/, /^Rendez-vous annulé :/]) {
      await expect(page.getByRole('heading', { name: subject }).first()).toBeVisible({ timeout: 500 });
    }
  }).toPass();
  await expect(page.getByText('Pièce jointe : rendez-vous.ics').first()).toBeVisible();
});

test('each page of it is accessible', async ({ page }) => {
  await openBooking(page);
  await expectAccessibleLightAndDark(page);
  await page.getByRole('link', { name: /^Massage 60min/ }).click();
  await chooseLastSlot(page);
  await page.getByRole('button', { name: 'Réserver' }).click();
  await expect(page.getByRole('alert')).toBeVisible();
  await expectAccessibleLightAndDark(page);
  await fill(page, FRENCH);
  await page.getByRole('button', { name: 'Réserver' }).click();
  await expect(page).toHaveURL(/\/bookings\//);
  await expectAccessibleLightAndDark(page);
  const link = page.url();
  for (const path of ['/move', '/cancel']) {
    await page.goto(link + path);
    await expectAccessibleLightAndDark(page);
  }
  await page.goto(`${link.slice(0, -1)}!`);
  await expectAccessibleLightAndDark(page);
});

test.describe('in English, from New York', () => {
  test.use({ locale: 'en-US', timezoneId: 'America/New_York' });

  test('times are told in both zones, and the keyboard is enough', async ({ page }) => {
    await openBooking(page);
    await page.getByRole('link', { name: /^Massage 60min/ }).press('Enter');
    await expect(page.getByText('Paris time. In small: your time (New York).')).toBeVisible();
    await page.locator('a.slot').first().press('Enter');
    await expect(page.locator('a.slot[aria-current]')).toHaveCount(1);
    const typed = ['Marie Dubois', '06 12 34 56 78', 'marie@exemple.fr', '12 rue des Lilas', 'third floor'];
    await page.getByLabel('Name', { exact: true }).focus();
    for (const text of typed) {
      await page.keyboard.type(text);
      await page.keyboard.press('Tab');
    }
    await expect(page.getByRole('button', { name: 'Book' })).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(page.getByRole('status').first()).toContainText('It is booked.');
    await expect(page.getByRole('main')).toContainText('in New York');
    // A language chosen on the page keeps the appointment open.
    await page.getByRole('button', { name: 'Français' }).click();
    await expect(page.getByText('Confirmé', { exact: true })).toBeVisible();
  });
});

test('who comes second is offered other moments, and types nothing again', async ({ page, browser, baseURL }) => {
  await openBooking(page);
  await page.getByRole('link', { name: /^Massage 60min/ }).click();
  await page.locator('a.slot').first().click();
  await fill(page, FRENCH);
  const context = await browser.newContext({ locale: 'fr-FR', timezoneId: 'Europe/Paris', baseURL });
  const rival = await context.newPage();
  await rival.goto(page.url());
  await fill(rival, FRENCH);
  await rival.getByRole('button', { name: 'Réserver' }).click();
  await expect(rival).toHaveURL(/\/bookings\//);
  await context.close();
  await page.getByRole('button', { name: 'Réserver' }).click();
  await expect(page.getByRole('alert')).toContainText('Ce moment vient d’être pris');
  await expect(page.getByLabel('Adresse du rendez-vous')).toHaveValue('12 rue des Lilas, 75011 Paris');
  await expectFits(page);
  await expectAccessibleLightAndDark(page);
  await page.getByRole('radio').first().check();
  await page.getByRole('button', { name: 'Réserver' }).click();
  await expect(page).toHaveURL(/\/bookings\//);
});
