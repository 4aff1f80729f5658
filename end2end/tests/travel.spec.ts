import { type Page } from '@playwright/test';

import { type Day, monday, next, plus, today, Weekday } from '../support/days.ts';
import {
  announcement,
  blocks,
  CAMILLE,
  connect,
  dayOf,
  enter,
  expectBlock,
  expectNoBlock,
  openWeek,
  sync,
} from '../support/story.ts';
import { expect, test } from '../support/test.ts';

const dentist = next(Weekday.Thursday);
const holiday: Day[] = Array.from({ length: 5 }, (_, index) => plus(monday(today()), 14 + index));

/** The holiday blocks its five days from midnight to midnight, each once, and no other day. */
async function expectHoliday(page: Page): Promise<void> {
  await openWeek(page, holiday[0]!);
  for (const day of holiday) await expect(blocks(page, day, 'Vacances')).toContainText('toute la journée');
  await expect(page.getByRole('main').getByRole('listitem').filter({ hasText: 'Vacances' })).toHaveCount(5);
  await expectNoBlock(page, plus(holiday[0]!, -1), 'Vacances');
}

/** The question on the agenda whether Simone should follow the calendar. */
const question = (page: Page) => page.getByText('Votre calendrier est à l’heure de Lisbonne, Simone à l’heure de Paris.');

/** Changes the zone of the primary calendar on Google's side, as a person does there. */
async function travelAtGoogle(page: Page, simulatorUrl: string, zone: string): Promise<void> {
  await page.goto(simulatorUrl);
  const primary = page.getByRole('region', { name: `Agenda ${CAMILLE}` });
  await primary.getByText('Fuseau horaire', { exact: true }).click();
  await primary.getByLabel('Fuseau de l’agenda').fill(zone);
  await primary.getByRole('button', { name: 'Changer le fuseau' }).click();
  await expect(primary).toContainText(zone);
}

test.beforeEach(async ({ page }) => {
  await enter(page);
  await connect(page);
});

test('a provider moves to another zone after seeing what changes', async ({ page }) => {
  await expectBlock(page, dentist, 'Dentiste', '15:00 – 16:00');
  await page.getByRole('link', { name: 'Réglages' }).click();
  await page.getByRole('combobox', { name: 'Fuseau horaire' }).selectOption('America/New_York');
  await page.getByRole('button', { name: 'Voir ce qui changerait' }).click();
  await expect(page.getByRole('heading', { name: 'Passer à l’heure de New York ?' })).toBeVisible();
  await expect(page.getByText('Rien n’est encore changé.')).toBeVisible();
  await expect(page.getByText(/événements? d’une journée entière bloquer(a|ont) de minuit à minuit/)).toBeVisible();
  await expect(page.getByRole('main').getByText('Vacances')).toBeVisible();

  await test.step('looking changes nothing', async () => {
    await page.getByRole('link', { name: 'Garder l’heure de Paris' }).click();
    await expect(page.getByRole('combobox', { name: 'Fuseau horaire' })).toHaveValue('Europe/Paris');
    await expectBlock(page, dentist, 'Dentiste', '15:00 – 16:00');
  });

  await page.goto('/settings/account/zone?zone=America/New_York');
  await page.getByRole('button', { name: 'Passer à l’heure de New York' }).click();
  await expect(announcement(page)).toContainText('Vous êtes à l’heure de New York.');
  await expect(page.getByRole('combobox', { name: 'Fuseau horaire' })).toHaveValue('America/New_York');

  await test.step('fixed times are shown at the new hour, whole days stay whole', async () => {
    // Six hours later in Paris, five for a few days around the changes of the clocks.
    await expectBlock(page, dentist, 'Dentiste');
    await expect(page.getByText(/^Heure de New York/)).toBeVisible();
    await expect(blocks(page, dentist, 'Dentiste')).toContainText(/9:00 – 10:00|10:00 – 11:00/);
    await expectHoliday(page);
  });

  await test.step('and nothing is lost or doubled by the next sync, nor on the way back', async () => {
    await sync(page);
    await expectHoliday(page);
    await page.goto('/settings/account/zone?zone=Europe/Paris');
    await page.getByRole('button', { name: 'Passer à l’heure de Paris' }).click();
    await expectBlock(page, dentist, 'Dentiste', '15:00 – 16:00');
    await expectHoliday(page);
  });
});

test('a zone that the provider has just chosen is not put into question', async ({ page }) => {
  await page.goto('/settings/account/zone?zone=America/New_York');
  await page.getByRole('button', { name: 'Passer à l’heure de New York' }).click();
  await sync(page);
  await page.goto('/agenda');
  await expect(page.getByText(/^Heure de New York/)).toBeVisible();
  await expect(page.getByText('Votre calendrier est à l’heure de Paris')).toHaveCount(0);
});

test('a provider whose calendar has moved stays where they are', async ({ page, product }) => {
  await travelAtGoogle(page, product.simulatorUrl, 'Europe/Lisbon');
  await sync(page);
  await page.goto('/agenda');
  await expect(question(page)).toBeVisible();
  await page.getByRole('button', { name: 'Rester à l’heure de Paris' }).click();
  await expect(announcement(page)).toContainText('Vous restez à l’heure de Paris.');
  await expect(question(page)).toHaveCount(0);
  await sync(page);
  await page.goto('/agenda');
  await expect(question(page), 'they have answered').toHaveCount(0);
  await expectBlock(page, dentist, 'Dentiste', '15:00 – 16:00');
});

test('a provider whose calendar has moved follows it', async ({ page, product }) => {
  await travelAtGoogle(page, product.simulatorUrl, 'Europe/Lisbon');
  await sync(page);
  await page.goto('/agenda');
  await expect(question(page)).toBeVisible();
  await page.getByRole('link', { name: 'Voir ce qui changerait' }).click();
  await page.getByRole('button', { name: 'Passer à l’heure de Lisbonne' }).click();
  await expect(announcement(page)).toContainText('Vous êtes à l’heure de Lisbonne.');
  await expectBlock(page, dentist, 'Dentiste', '14:00 – 15:00');
  await expect(dayOf(page, dentist)).toBeVisible();
  await expect(page.getByText(/^Heure de Lisbonne/)).toBeVisible();
  await expect(question(page)).toHaveCount(0);
  await expectHoliday(page);
});
