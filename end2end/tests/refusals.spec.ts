import { type Page } from '@playwright/test';

import {
  announcement,
  authorize,
  CAMILLE,
  CAMILLE_PRO,
  card,
  chooseAccount,
  connect,
  consent,
  enter,
  untilShown,
} from '../support/story.ts';
import { expect, expectAccessible, test } from '../support/test.ts';

const connectButton = (page: Page) => page.getByRole('button', { name: 'Connecter Google Calendar' });

/** The settings say why nothing was connected, hold nothing half-made, and the button is there to try again. */
async function expectRefused(page: Page, reason: string): Promise<void> {
  await expect(page).toHaveURL(/\/settings\/calendars$/);
  await expect(page.getByRole('alert')).toContainText(reason);
  await expect(page.getByRole('heading', { name: 'Aucun calendrier connecté' })).toBeVisible();
  // What was said once is not said again.
  await page.reload();
  await expect(page.getByRole('alert')).toHaveCount(0);
  await expect(page.getByRole('heading', { name: 'Aucun calendrier connecté' })).toBeVisible();
}

/** The same button leads to a connection after all. */
async function expectSecondTry(page: Page): Promise<void> {
  await authorize(page, CAMILLE);
  await untilShown(page, card(page, CAMILLE).getByText('Connecté', { exact: true }));
}

test.beforeEach(async ({ page }) => {
  await enter(page);
  await page.goto('/settings/calendars');
});

test('refusing at Google @plain', async ({ page }) => {
  await connectButton(page).click();
  await chooseAccount(page, CAMILLE);
  await page.getByRole('button', { name: 'Refuser' }).click();
  await expectRefused(page, 'Vous avez annulé l’autorisation : rien n’a été lu.');
  await expectSecondTry(page);
});

test('leaving the choice of accounts', async ({ page }) => {
  await connectButton(page).click();
  await page.getByRole('button', { name: 'Annuler' }).click();
  await expect(page.getByRole('alert')).toBeVisible();
  await expectAccessible(page);
  await expectRefused(page, 'Vous avez annulé l’autorisation');
});

test('unticking the permission to the events or to the list of calendars', async ({ page, simulator }) => {
  for (const permission of ['Voir et modifier les événements', 'Voir la liste des agendas']) {
    await connectButton(page).click();
    await chooseAccount(page, CAMILLE);
    await page.getByRole('checkbox', { name: permission }).uncheck();
    await page.getByRole('button', { name: 'Autoriser' }).click();
    await expectRefused(page, 'L’accès aux calendriers n’était pas coché.');
    expect(await simulator.grants(), 'the useless authorization is given back').toEqual([]);
  }
  await expectSecondTry(page);
});

test('an account that gives no lasting access', async ({ page, simulator }) => {
  await simulator.setFaults({ kind: 'no_refresh_token', path: '/token' });
  await authorize(page, CAMILLE);
  await expectRefused(page, 'Le compte n’a pas donné d’accès durable');
  await expectSecondTry(page);
});

test('Google is down when the authorization is completed', async ({ page, simulator }) => {
  await simulator.setFaults({ kind: 'status', status: 503, path: '/token', times: null });
  await authorize(page, CAMILLE);
  await expectRefused(page, 'Le service ne répond pas en ce moment. Réessayez dans quelques minutes.');
  await simulator.clearFaults();
  await expectSecondTry(page);
});

test('a wrong client secret is not the provider’s fault', async ({ page, simulator }) => {
  await simulator.setFaults({ kind: 'oauth_error', path: '/token', error: 'invalid_client', status: 401 });
  await authorize(page, CAMILLE);
  await expectRefused(page, 'Simone est mal réglée de son côté : ce n’est pas votre compte.');
  await expectSecondTry(page);
});

test('the same account twice changes nothing, another one stands beside it', async ({ page }) => {
  await connect(page, CAMILLE);
  await authorize(page, CAMILLE);
  await expect(page.getByRole('alert')).toContainText('Ce compte est déjà connecté. Rien n’a changé.');
  await expect(page.getByRole('heading', { name: 'Google Calendar', level: 2 })).toHaveCount(1);
  await untilShown(page, card(page, CAMILLE).getByText('Connecté', { exact: true }));
  await authorize(page, CAMILLE_PRO);
  await expect(page.getByRole('heading', { name: 'Google Calendar', level: 2 })).toHaveCount(2);
  await untilShown(page, card(page, CAMILLE_PRO).getByText('Connecté', { exact: true }));
  await expect(card(page, CAMILLE).getByText('Connecté', { exact: true })).toBeVisible();
});

test('another account than the one to reconnect', async ({ page, simulator }) => {
  await connect(page, CAMILLE);
  await simulator.revoke(CAMILLE);
  await page.getByRole('button', { name: `Synchroniser ${CAMILLE}` }).click();
  await untilShown(page, card(page, CAMILLE).getByText('À reconnecter'));
  await card(page, CAMILLE).getByRole('button', { name: 'Reconnecter' }).click();
  // The account to reconnect is proposed; the other one is chosen all the same.
  const proposed = new URL(page.url());
  proposed.searchParams.set('account', CAMILLE_PRO);
  await page.goto(proposed.href);
  await consent(page);
  await expect(page.getByRole('alert')).toContainText('Vous avez choisi un autre compte que celui à reconnecter.');
  await expect(page.getByRole('heading', { name: 'Google Calendar', level: 2 })).toHaveCount(1);
  await expect(card(page, CAMILLE).getByText('À reconnecter')).toBeVisible();
  await expect(card(page, CAMILLE).getByRole('button', { name: 'Reconnecter' })).toBeVisible();
});

test.describe('an address of the way back', () => {
  const callbackOf = async (page: Page): Promise<string> => {
    const [request] = await Promise.all([
      page.waitForRequest((it) => it.url().includes('/oauth/google/callback')),
      authorize(page, CAMILLE),
    ]);
    return request.url();
  };

  test('used a second time', async ({ page }) => {
    const callback = await callbackOf(page);
    await untilShown(page, card(page, CAMILLE).getByText('Connecté', { exact: true }));
    await page.goto(callback);
    await expect(page.getByRole('alert')).toContainText('Cette autorisation a expiré ou a déjà servi.');
    await expect(page.getByRole('heading', { name: 'Google Calendar', level: 2 })).toHaveCount(1);
    await expect(card(page, CAMILLE).getByText('Connecté', { exact: true })).toBeVisible();
  });

  test('opened in another session', async ({ page, browser, product }) => {
    // Somebody sends the address of their own authorization, to slip their account under another provider.
    await connectButton(page).click();
    await chooseAccount(page, CAMILLE);
    const form = page.locator('form', { has: page.getByRole('button', { name: 'Autoriser' }) });
    const answer = await form.evaluate((it) => {
      const submitter = it.querySelector<HTMLButtonElement>('button[value="allow"]');
      return new URLSearchParams([...new FormData(it as HTMLFormElement, submitter)] as [string, string][]).toString();
    });
    const agreed = await page.request.post(new URL('/o/oauth2/v2/auth', page.url()).href, {
      data: answer,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      maxRedirects: 0,
    });
    const stolen = agreed.headers()['location'] ?? '';
    expect(stolen).toContain('/oauth/google/callback?');
    const other = await browser.newContext({ baseURL: product.url, locale: 'fr-FR' });
    const victim = await other.newPage();
    await enter(victim);
    await victim.goto(stolen);
    await expectRefused(victim, 'Cette autorisation a expiré ou a déjà servi.');
    await other.close();
  });

  test('made up, cut off or empty', async ({ page }) => {
    for (const query of [
      '',
      '?state=',
      '?state=forged&code=4/0Aforged',
      '?code=4/0Aforged',
      '?error=access_denied',
      '?error=server_error&state=%00%ff',
      '?state=a&state=b&code=c',
      `?state=${'x'.repeat(4_000)}&code=c`,
    ]) {
      await page.goto(`/oauth/google/callback${query}`);
      await expect(page, query).toHaveURL(/\/settings\/calendars$/);
      await expect(page.getByRole('alert'), query).toContainText('Recommencez');
      await expect(connectButton(page), query).toBeVisible();
    }
    const elsewhere = await page.goto('/oauth/nowhere/callback?state=a&code=b');
    expect(elsewhere?.status()).toBe(404);
    await expect(page.getByRole('heading', { name: 'Cette page n’existe pas' })).toBeVisible();
  });
});
