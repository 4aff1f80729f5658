// The steps of the provider's story, as a person takes them: by what is written on the pages.

import { expect, type Locator, type Page } from '@playwright/test';

import { type Day, longDate, type Language } from './days.ts';

export const CAMILLE = 'camille.moreau@gmail.test';
export const CAMILLE_PRO = 'camille.pro@gmail.test';
/** Her accounts at Microsoft: one of an organisation of her own, and one at home. */
export const CAMILLE_WORK = 'camille@maison-moreau.test';
export const CAMILLE_HOME = 'camille.moreau@outlook.test';
/** The demo's switches of calendars, by the calendars' names. */
export const FAMILY = 'Famille';
export const HOLIDAYS = 'Jours fériés en France';

export async function enter(page: Page): Promise<void> {
  await page.goto('/login');
  await page.getByRole('button', { name: 'Entrer comme Camille Moreau' }).click();
  await expect(page).toHaveURL(/\/agenda$/);
}

/** Chooses the account on the platform's page. */
export async function chooseAccount(page: Page, account: string): Promise<void> {
  await expect(page.getByRole('heading', { name: 'Sélectionnez un compte' })).toBeVisible();
  await page.getByRole('button', { name: account }).click();
}

/** Agrees on the platform's page. */
export async function consent(page: Page): Promise<void> {
  await expect(page.getByRole('heading', { name: /souhaite accéder à votre compte Google/ })).toBeVisible();
  await page.getByRole('button', { name: 'Autoriser' }).click();
  await expect(page).toHaveURL(/\/settings\/calendars$/);
}

/** Presses the button that leads to Google, and agrees there. */
export async function authorize(page: Page, account: string): Promise<void> {
  await page.getByRole('button', { name: /^Connecter (un autre )?Google Calendar$/ }).click();
  await chooseAccount(page, account);
  await consent(page);
}

/** Presses the button that leads to Microsoft, chooses the account and agrees there. */
export async function authorizeOutlook(page: Page, account: string): Promise<void> {
  await chooseOutlookAccount(page, account);
  await expect(page.getByRole('heading', { name: /^(Autorisations demandées|Autoriser cette application)/ })).toBeVisible();
  await page.getByRole('button', { name: 'Accepter' }).click();
  await expect(page).toHaveURL(/\/settings\/calendars$/);
}

/** As far as the page on which it is decided. */
export async function chooseOutlookAccount(page: Page, account: string): Promise<void> {
  await page.getByRole('button', { name: /^Connecter (un autre )?Outlook$/ }).click();
  await expect(page.getByRole('heading', { name: 'Choisir un compte' })).toBeVisible();
  await page.getByRole('button', { name: account }).click();
}

/** From anywhere to the settings with an Outlook account whose import is complete. */
export async function connectOutlook(page: Page, account = CAMILLE_WORK): Promise<void> {
  await page.goto('/settings/calendars');
  await authorizeOutlook(page, account);
  await untilShown(page, card(page, account).getByText('Connecté', { exact: true }));
}

/** From anywhere to the settings with an account whose import is complete. */
export async function connect(page: Page, account = CAMILLE): Promise<void> {
  await page.goto('/settings/calendars');
  await authorize(page, account);
  await untilShown(page, card(page, account).getByText('Connecté', { exact: true }));
}

/** The card of a connection in the settings. */
export function card(page: Page, account: string): Locator {
  return page.getByRole('main').locator('section').filter({ has: page.getByText(account, { exact: true }) });
}

/** The switch of a calendar. */
export function calendarSwitch(page: Page, calendar: string): Locator {
  return page.getByRole('switch', { name: `Bloquer les créneaux de « ${calendar} »` });
}

/** What the last action did. */
export function announcement(page: Page): Locator {
  return page.getByRole('main').locator('[role="status"], [role="alert"]').first();
}

/** Presses **Synchroniser** and waits for its result. */
export async function sync(page: Page, account = CAMILLE): Promise<void> {
  await page.goto('/settings/calendars');
  await page.getByRole('button', { name: `Synchroniser ${account}` }).click();
  await expect(announcement(page)).toContainText('Synchronisé : votre agenda est à jour.');
}

/** Opens the week of a day. */
export async function openWeek(page: Page, day: Day): Promise<void> {
  await page.goto(`/agenda?week=${day}`);
}

/** What the agenda shows of a day, in the week that is open. */
export function dayOf(page: Page, day: Day, language: Language = 'fr'): Locator {
  const heading = page.locator('h2').filter({ hasText: new RegExp(`^${longDate(day, language)}(?! \\d)`) });
  return page.getByRole('main').locator('section').filter({ has: heading });
}

/** The blocks of a day that carry a title. */
export function blocks(page: Page, day: Day, title: string, language: Language = 'fr'): Locator {
  return dayOf(page, day, language).getByRole('listitem').filter({ hasText: title });
}

/** A block on that day, once, at that time. */
export async function expectBlock(page: Page, day: Day, title: string, time?: string): Promise<void> {
  await openWeek(page, day);
  await expect(blocks(page, day, title), `${title} on ${day}`).toHaveCount(1);
  await expect(blocks(page, day, title)).toBeVisible();
  if (time) await expect(blocks(page, day, title)).toContainText(time);
}

export async function expectNoBlock(page: Page, day: Day, title: string): Promise<void> {
  await openWeek(page, day);
  await expect(dayOf(page, day)).toBeAttached();
  await expect(blocks(page, day, title), `${title} on ${day}`).toHaveCount(0);
}

/** Loads the page again until something is there: without a script a page does not renew itself. */
export async function untilShown(page: Page, what: Locator, timeout = 20_000): Promise<void> {
  await expect(async () => {
    if (!(await what.first().isVisible())) await page.reload();
    await expect(what.first()).toBeVisible({ timeout: 500 });
  }).toPass({ intervals: [100, 250, 500], timeout });
}
