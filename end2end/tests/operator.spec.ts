// An operator looks after the installation: who is here, how their connections are, who did what.

import { type Page } from '@playwright/test';

import { announcement, card, CAMILLE, connect, enter } from '../support/story.ts';
import { expect, expectAccessibleLightAndDark, expectFits, expectUsableWithoutScript, test } from '../support/test.ts';

async function enterAsOperator(page: Page): Promise<void> {
  await page.goto('/login');
  await page.getByRole('button', { name: 'Entrer comme Robin Lefèvre, opérateur' }).click();
  await expect(page).toHaveURL(/\/oversight$/);
}

async function invite(page: Page, name: string, email: string): Promise<void> {
  await page.goto('/oversight');
  await page.getByRole('link', { name: 'Inviter' }).click();
  await page.getByLabel('Nom').fill(name);
  await page.getByLabel('E-mail').fill(email);
  await page.getByRole('button', { name: 'Envoyer l’invitation' }).click();
}

/** The one-time link in the newest e-mail of the demonstration's mailbox. */
async function newestLink(page: Page): Promise<string> {
  const response = await page.request.get('/demo/mail');
  const link = /\/login\/[\w-]{43}/.exec(await response.text());
  expect(link, 'a link is in the mailbox').not.toBeNull();
  return link![0];
}

test.slow();

test('invites a provider, who comes in and says where they are @plain', async ({ page, browser, baseURL }) => {
  await enterAsOperator(page);
  await invite(page, 'Inès Diallo', 'camille@simone.test');
  await expect(page.getByRole('alert')).toContainText('Cette adresse est déjà celle d’un prestataire.');
  await expect(page.getByLabel('Nom'), 'what was typed is kept').toHaveValue('Inès Diallo');
  await page.getByLabel('E-mail').fill('ines@simone.test');
  await page.getByRole('button', { name: 'Envoyer l’invitation' }).click();
  await expect(announcement(page)).toContainText('L’invitation de Inès Diallo est partie.');
  await page.getByRole('button', { name: 'Envoyer à nouveau' }).click();
  await expect(announcement(page)).toContainText('Une nouvelle invitation est partie.');

  const link = await newestLink(page);
  const hers = await browser.newContext({ baseURL, locale: 'fr-FR' });
  const ines = await hers.newPage();
  await ines.goto(link);
  await ines.getByRole('button', { name: 'Accepter l’invitation' }).click();
  await expect(ines.getByRole('heading', { level: 1 })).toHaveText('Bienvenue, Inès');
  await ines.getByLabel('Fuseau horaire').selectOption('Europe/Lisbon');
  await ines.getByRole('button', { name: 'Continuer vers mes calendriers' }).click();
  await expect(ines).toHaveURL(/\/settings\/calendars$/);
  await ines.goto('/agenda');
  await expect(ines.getByText('Heure de Lisbonne')).toBeVisible();
  await ines.goto('/oversight');
  await expect(ines.getByRole('heading', { level: 1 })).toHaveText('Cette page est réservée aux opérateurs');
  await ines.goto(link);
  await expect(ines.getByRole('heading', { level: 1 })).toHaveText('Ce lien ne fonctionne plus');
  await hers.close();

  await page.goto('/oversight');
  await page.getByLabel('Nom ou e-mail').fill('diallo');
  await page.getByRole('button', { name: 'Chercher' }).click();
  await expect(page.getByRole('link', { name: /Inès Diallo/ })).toBeVisible();
  await expect(page.getByRole('link', { name: /Camille/ })).toHaveCount(0);
});

test('makes a token, shown once, and withdraws it @plain', async ({ page }) => {
  await enterAsOperator(page);
  await page.getByRole('link', { name: 'Accès API' }).click();
  await page.getByRole('link', { name: 'Créer un jeton' }).click();
  await page.getByLabel('À quoi il sert').fill('Place de marché');
  await page.getByRole('button', { name: 'Créer le jeton' }).click();
  const token = await page.getByLabel('Jeton de « Place de marché »').inputValue();
  const ask = async () => {
    const headers = { authorization: `Bearer ${token}` };
    return (await page.request.get('/api/v1/providers', { headers })).status();
  };
  expect(await ask()).toBe(200);
  await page.getByRole('link', { name: 'Je l’ai copié' }).click();
  await expect(page.getByText(token)).toHaveCount(0);
  await page.getByRole('link', { name: 'Retirer le jeton Place de marché' }).click();
  await page.getByRole('button', { name: 'Retirer ce jeton' }).click();
  await expect(announcement(page)).toContainText('Le jeton est retiré');
  expect(await ask()).toBe(401);
});

test('sees how connections are, never what is in them; every page is accessible', async ({ page }) => {
  await enter(page);
  await connect(page);
  await expect(card(page, CAMILLE)).toBeVisible();
  await enterAsOperator(page);
  await invite(page, 'Ana Silva', 'ana@simone.test');
  const invited = new URL(page.url()).pathname;
  await page.goto('/oversight');
  await page.getByRole('link', { name: /Camille Moreau/ }).click();
  const camille = new URL(page.url()).pathname;
  await expect(page.getByText(CAMILLE, { exact: true })).toBeVisible();
  await expect(page.getByRole('main')).not.toContainText(/Yoga|Dentiste|Vacances/);
  await page.goto('/oversight/operators');
  const addresses = [
    '/oversight',
    '/oversight?q=nobody',
    '/oversight?which=reconnect',
    '/oversight/invite',
    invited,
    camille,
    `${camille}/erase`,
    '/oversight/operators',
    '/oversight/operators/new',
    '/oversight/tokens',
    '/oversight/tokens/new',
    '/oversight/audit',
    '/oversight/account',
    '/oversight/providers/unknown',
  ];
  for (const address of addresses) {
    await test.step(address, async () => {
      await page.goto(address);
      await expect(page.getByRole('heading', { level: 1 })).toHaveCount(1);
      await expectFits(page);
      await expectUsableWithoutScript(page);
      await expectAccessibleLightAndDark(page);
    });
  }
});
