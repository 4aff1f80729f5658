// A provider's Outlook calendars: connecting, importing and exporting, alone and beside Google.

import { type Page } from '@playwright/test';

import { book, chooseSlot } from '../support/client.ts';
import { next, Weekday } from '../support/days.ts';
import {
  announcement,
  authorizeOutlook,
  CAMILLE,
  CAMILLE_HOME,
  CAMILLE_WORK,
  calendarSwitch,
  card,
  chooseOutlookAccount,
  connect,
  connectOutlook,
  enter,
  expectBlock,
  expectNoBlock,
  sync,
  untilShown,
} from '../support/story.ts';
import { expect, expectAccessibleLightAndDark, expectFits, expectUsableWithoutScript, test } from '../support/test.ts';

const TITLE = 'Réservation Simone - Massage 60min - Client: Marie D.';

test.slow();

async function disconnect(page: Page, account: string): Promise<void> {
  await page.goto('/settings/calendars');
  await page.getByRole('link', { name: `Déconnecter ${account}` }).click();
  await page.getByRole('button', { name: 'Déconnecter' }).click();
}

test('a provider connects Outlook, and what is in it blocks their slots @plain', async ({ page, product, simulator }) => {
  const review = next(Weekday.Thursday);
  const team = next(Weekday.Monday);

  await test.step('they find both buttons, and choose Outlook', async () => {
    await enter(page);
    await expect(page.getByRole('button', { name: 'Connecter Google Calendar' })).toBeVisible();
    await page.getByRole('button', { name: 'Connecter Outlook' }).click();
    await page.getByRole('button', { name: CAMILLE_WORK }).click();
    await page.getByRole('button', { name: 'Accepter' }).click();
    await expect(announcement(page)).toContainText('Outlook est connecté.');
  });

  await test.step('the settings show the account and its calendars', async () => {
    const account = card(page, CAMILLE_WORK);
    await untilShown(page, account.getByText('Connecté', { exact: true }));
    await expect(account.getByRole('heading', { name: 'Outlook' })).toBeVisible();
    await expect(account.getByRole('listitem').filter({ hasText: 'Calendrier' })).toContainText(/bloque vos créneaux/i);
    await expect(account.getByRole('listitem').filter({ hasText: 'Salle de soin' })).toContainText(/ne bloque rien/i);
    await expect(account.getByRole('switch', { checked: true })).toHaveCount(1);
  });

  await test.step('what is in it blocks, what is free does not', async () => {
    await expectBlock(page, review, 'Entretien annuel', '11:00 – 12:00');
    await expectBlock(page, team, 'Point d’équipe', '9:30 – 10:00');
    await expectNoBlock(page, next(Weekday.Friday), 'Veille');
  });

  await test.step('a second calendar is chosen', async () => {
    await page.goto('/settings/calendars');
    await calendarSwitch(page, 'Salle de soin').click();
    await expect(announcement(page)).toContainText('« Salle de soin » bloque vos créneaux.');
    await untilShown(page, card(page, CAMILLE_WORK).getByText('Connecté', { exact: true }));
    await expectBlock(page, next(Weekday.Friday), 'Ménage', '18:00 – 19:00');
  });

  await test.step('they move an event in Outlook, and the agenda follows', async () => {
    const appointment = page.getByRole('article', { name: /^Entretien annuel/ });
    await page.goto(`${product.simulatorUrl}/?account=${CAMILLE_WORK}`);
    await appointment.getByRole('button', { name: 'Déplacer de +1 h' }).click();
    await expect(appointment).toContainText('12:00 – 13:00');
    await sync(page, CAMILLE_WORK);
    await expectBlock(page, review, 'Entretien annuel', '12:00 – 13:00');
    await page.goto(`${product.simulatorUrl}/?account=${CAMILLE_WORK}`);
    await appointment.getByRole('button', { name: 'Supprimer' }).click();
    await expect(appointment).toHaveCount(0);
    await sync(page, CAMILLE_WORK);
    await expectNoBlock(page, review, 'Entretien annuel');
  });

  await test.step('they disconnect, and are told where the authorization is withdrawn', async () => {
    await page.goto('/settings/calendars');
    await page.getByRole('link', { name: `Déconnecter ${CAMILLE_WORK}` }).click();
    await expect(page.getByText('Simone oublie ses clés')).toBeVisible();
    for (const name of [/^Compte professionnel : Mes applications/, /^Compte personnel : autorisations/]) {
      await expect(page.getByRole('link', { name })).toHaveAttribute('rel', 'noopener noreferrer');
    }
    await expectFits(page);
    await expectAccessibleLightAndDark(page);
    await page.getByRole('button', { name: 'Déconnecter' }).click();
    await expect(announcement(page)).toContainText(`${CAMILLE_WORK} est déconnecté. Ses créneaux sont libérés.`);
    await expect(announcement(page).getByRole('link', { name: /^Compte professionnel/ })).toBeVisible();
    await expectFits(page);
    await expectAccessibleLightAndDark(page);
    await untilShown(page, page.getByRole('heading', { name: 'Aucun calendrier connecté' }));
    await expectNoBlock(page, team, 'Point d’équipe').catch(async () => {
      await expect(page.getByRole('heading', { name: 'Votre agenda attend vos calendriers' })).toBeVisible();
    });
  });
  expect(await simulator.mostAtATime()).toBeLessThanOrEqual(4);
});

test('with Google and Outlook, a booking stands in both, moves and goes', async ({ page, browser, baseURL, simulator }) => {
  await enter(page);
  await connect(page);
  await connectOutlook(page);
  await expect(card(page, CAMILLE).getByText('Connecté', { exact: true })).toBeVisible();
  await expectFits(page);
  await expectAccessibleLightAndDark(page);
  await sync(page, CAMILLE);
  await sync(page, CAMILLE_WORK);

  const theirs = await browser.newContext({ locale: 'fr-FR', timezoneId: 'Europe/Paris', baseURL: baseURL ?? '' });
  const client = await theirs.newPage();
  await book(client);
  const standing = async (account: string) =>
    (await simulator.events(account)).filter(
      (it) => (it.summary ?? it.subject) === TITLE && (it as unknown as { status?: string }).status !== 'cancelled',
    );
  const counts = async () => [(await standing(CAMILLE)).length, (await standing(CAMILLE_WORK)).length];
  await expect.poll(counts).toEqual([1, 1]);

  await test.step('neither mirrors the other', async () => {
    await sync(page, CAMILLE);
    await sync(page, CAMILLE_WORK);
    expect(await counts()).toEqual([1, 1]);
    await page.goto('/conflicts');
    await expect(page.getByRole('main')).not.toContainText('Massage 60min');
  });

  await test.step('it moves in both', async () => {
    const starts = async () => {
      const of = async (account: string) =>
        (await standing(account)).map((it) => new Date(`${(it as unknown as { start: { dateTime: string } }).start.dateTime}`.replace(/(\.\d+)?$/, (end) => (end ? 'Z' : ''))).getTime());
      return [...(await of(CAMILLE)), ...(await of(CAMILLE_WORK))];
    };
    const before = await starts();
    expect(before[0]).toBe(before[1]);
    await client.getByRole('link', { name: 'Déplacer' }).click();
    await chooseSlot(client, 'first');
    await client.getByRole('button', { name: 'Déplacer à ce moment' }).click();
    await expect(client.getByRole('status').first()).toContainText('Le rendez-vous est déplacé.');
    await expect.poll(async () => {
      const [google, outlook] = await starts();
      return google !== before[0] && google === outlook;
    }).toBe(true);
  });

  await test.step('the one is disconnected, the other goes on', async () => {
    await disconnect(page, CAMILLE_WORK);
    await expect.poll(counts).toEqual([1, 0]);
    await page.goto('/settings/calendars');
    await expect(card(page, CAMILLE).getByText('Connecté', { exact: true })).toBeVisible();
  });

  await client.getByRole('link', { name: 'Annuler' }).click();
  await client.getByRole('button', { name: 'Annuler le rendez-vous' }).click();
  await expect.poll(counts).toEqual([0, 0]);
  expect(await simulator.mostAtATime()).toBeLessThanOrEqual(4);
  await theirs.close();
});

test('saying no at Microsoft @plain', async ({ page }) => {
  await enter(page);
  await page.goto('/settings/calendars');
  await chooseOutlookAccount(page, CAMILLE_HOME);
  await page.getByRole('button', { name: 'Annuler' }).click();
  await expect(page.getByRole('alert')).toContainText('Outlook n’est pas connecté. Vous avez annulé l’autorisation');
  await authorizeOutlook(page, CAMILLE_HOME);
  await expect(announcement(page)).toContainText('Outlook est connecté.');
});

test('an organisation whose administrator has to agree @plain', async ({ page, simulator }) => {
  await simulator.setTenant({ tenant: 'maison-moreau.test', needs_approval: true });
  await enter(page);
  await page.goto('/settings/calendars');
  await chooseOutlookAccount(page, CAMILLE_WORK);
  await page.getByRole('button', { name: 'Revenir à l’application sans accorder l’autorisation' }).click();
  await expect(page).toHaveURL(/\/settings\/calendars$/);
  await expect(page.getByRole('alert')).toContainText('Votre organisation veut d’abord l’accord d’un administrateur.');
  await expectFits(page);
  await expectAccessibleLightAndDark(page);

  await page.getByRole('link', { name: 'Que dire à votre administrateur' }).click();
  await expect(page.getByRole('heading', { name: 'L’accord d’un administrateur est nécessaire' })).toBeVisible();
  const message = page.getByLabel('Message pour votre administrateur');
  await expect(message).toHaveValue(/adminconsent\?client_id=/);
  await expect(message).toHaveValue(/Camille Moreau$/);
  await expect(page.getByRole('link', { name: 'Écrire à l’administrateur' })).toHaveAttribute('href', /^mailto:\?subject=/);
  await expectFits(page);
  await expectAccessibleLightAndDark(page);
  await expectUsableWithoutScript(page);

  // A personal account is nobody's but theirs.
  await page.getByRole('button', { name: 'Connecter Outlook' }).click();
  await page.getByRole('button', { name: CAMILLE_HOME }).click();
  await page.getByRole('button', { name: 'Accepter' }).click();
  await expect(announcement(page)).toContainText('Outlook est connecté.');
});

test('an authorization that ended at Microsoft is renewed, and with the same account only', async ({ page, simulator }) => {
  await enter(page);
  await connectOutlook(page);
  await simulator.endConsent(CAMILLE_WORK);
  await page.getByRole('button', { name: `Synchroniser ${CAMILLE_WORK}` }).click();
  await untilShown(page, card(page, CAMILLE_WORK).getByText('À reconnecter'));
  await expect(card(page, CAMILLE_WORK)).toContainText('Outlook demande une nouvelle autorisation.');
  await expectAccessibleLightAndDark(page);
  await card(page, CAMILLE_WORK).getByRole('button', { name: 'Reconnecter' }).click();
  const proposed = new URL(page.url());
  proposed.searchParams.set('account', CAMILLE_HOME);
  await page.goto(proposed.href);
  await page.getByRole('button', { name: 'Accepter' }).click();
  await expect(page.getByRole('alert')).toContainText('Vous avez choisi un autre compte que celui à reconnecter.');
  await card(page, CAMILLE_WORK).getByRole('button', { name: 'Reconnecter' }).click();
  await page.getByRole('button', { name: 'Accepter' }).click();
  await expect(announcement(page)).toContainText('Outlook est reconnecté. Vos choix sont gardés');
  await expect(page.getByRole('heading', { name: 'Outlook', level: 2 })).toHaveCount(1);
});
