import { horizonEnd, last, monday, next, plus, today, Weekday } from '../support/days.ts';
import {
  announcement,
  authorize,
  blocks,
  calendarSwitch,
  CAMILLE,
  card,
  connect,
  dayOf,
  enter,
  expectBlock,
  expectNoBlock,
  FAMILY,
  openWeek,
  sync,
  untilShown,
} from '../support/story.ts';
import { expect, test } from '../support/test.ts';

test('a provider connects Google Calendar, and what is in it blocks their slots @plain', async ({ page, product }) => {
  const dentist = next(Weekday.Thursday);
  const yoga = next(Weekday.Tuesday);
  const parents = next(Weekday.Monday);
  const holiday = Array.from({ length: 5 }, (_, index) => plus(monday(today()), 14 + index));

  await test.step('they enter with one click and find an agenda that waits for calendars', async () => {
    await enter(page);
    await expect(announcement(page)).toContainText('Bonjour Camille');
    await expect(page.getByRole('heading', { name: 'Votre agenda attend vos calendriers' })).toBeVisible();
    await expect(page.getByText('Heure de Paris')).toBeVisible();
  });

  await test.step('they connect Google Calendar', async () => {
    await page.getByRole('navigation', { name: 'Principal' }).getByRole('link', { name: 'Calendriers' }).click();
    await expect(page.getByRole('heading', { name: 'Aucun calendrier connecté' })).toBeVisible();
    await authorize(page, CAMILLE);
    await expect(announcement(page)).toContainText('Google Calendar est connecté.');
  });

  await test.step('the settings show the account, its state and its calendars', async () => {
    const account = card(page, CAMILLE);
    await untilShown(page, account.getByRole('list', { name: `Calendriers de ${CAMILLE}` }));
    await expect(account.getByRole('list', { name: `Calendriers de ${CAMILLE}` }).getByRole('listitem')).toHaveCount(3);
    await expect(account.getByRole('listitem').filter({ hasText: 'Principal' })).toContainText(/bloque vos créneaux/i);
    await untilShown(page, account.getByText('Connecté', { exact: true }));
    await expect(account).toContainText('Synchronisé à l’instant');
    await expect(account).toContainText(/Prochaine (dans \d+ min|d’un instant à l’autre)/);
    await expect(account.getByRole('link', { name: `Déconnecter ${CAMILLE}` })).toBeVisible();
    const others = account.getByRole('listitem').filter({ hasNotText: 'Principal' });
    await expect(others.filter({ hasText: FAMILY })).toContainText(/ne bloque rien/i);
    await expect(others.filter({ hasText: 'Jours fériés en France' })).toContainText(/lecture seule/i);
    await expect(account.getByRole('switch', { checked: true })).toHaveCount(1);
  });

  await test.step('they also choose the family’s calendar', async () => {
    await expect(calendarSwitch(page, FAMILY)).not.toBeChecked();
    await calendarSwitch(page, FAMILY).click();
    await expect(announcement(page)).toContainText(`« ${FAMILY} » bloque vos créneaux.`);
    await expect(calendarSwitch(page, FAMILY)).toBeChecked();
    await untilShown(page, card(page, CAMILLE).getByText('Connecté', { exact: true }));
  });

  await test.step('the holiday blocks each of its five days, and no other', async () => {
    await page.getByRole('link', { name: 'Agenda', exact: true }).click();
    await expect(page.getByText(/à jour, à l’instant/)).toBeVisible();
    for (let week = 0; week < 2; week++) {
      await page.getByRole('link', { name: 'Semaine suivante' }).click();
      await expect(page).toHaveURL(new RegExp(`week=${plus(today(), 7 * (week + 1))}`));
    }
    await openWeek(page, holiday[0]!);
    for (const day of holiday) {
      await expect(blocks(page, day, 'Vacances')).toHaveCount(1);
      await expect(blocks(page, day, 'Vacances')).toContainText('toute la journée');
    }
    await expect(page.getByRole('main').getByRole('listitem').filter({ hasText: 'Vacances' })).toHaveCount(5);
    await expectNoBlock(page, plus(holiday[0]!, -1), 'Vacances');
  });

  await test.step('yoga blocks each Tuesday to the horizon', async () => {
    for (const tuesday of [yoga, plus(yoga, 7), plus(yoga, 42), last(Weekday.Tuesday, horizonEnd())]) {
      await expectBlock(page, tuesday, 'Yoga', '18:00 – 19:00');
    }
    await openWeek(page, plus(horizonEnd(), 7));
    await expect(page.getByText('Au-delà de 90 jours')).toBeVisible();
    await expect(page.getByRole('main').getByRole('listitem')).toHaveCount(0);
  });

  await test.step('the dentist and the family’s events block, what is free does not', async () => {
    await expectBlock(page, dentist, 'Dentiste', '15:00 – 16:00');
    await expectBlock(page, next(Weekday.Friday), 'Café avec Inès ?', '10:00 – 11:00');
    await expectBlock(page, parents, 'Réunion parents-profs', '17:30 – 18:30');
    await expect(blocks(page, parents, 'Réunion parents-profs')).toContainText(FAMILY);
    await expectNoBlock(page, next(Weekday.Wednesday), 'Courses');
    await expectNoBlock(page, next(Weekday.Saturday), 'Anniversaire');
  });

  const appointment = page.getByRole('article', { name: /^Dentiste/ });

  await test.step('they move the dentist at Google, and the agenda follows', async () => {
    await page.goto(product.simulatorUrl);
    await appointment.getByRole('button', { name: 'Déplacer de +1 h' }).click();
    await expect(appointment).toContainText('16:00 – 17:00');
    await sync(page);
    await expectBlock(page, dentist, 'Dentiste', '16:00 – 17:00');
  });

  await test.step('they delete it there, and its slot is open', async () => {
    await page.goto(product.simulatorUrl);
    await appointment.getByRole('button', { name: 'Supprimer' }).click();
    await expect(appointment).toHaveCount(0);
    await sync(page);
    await expectNoBlock(page, dentist, 'Dentiste');
  });

  await test.step('what they unselect blocks nothing, at once', async () => {
    await page.goto('/settings/calendars');
    await calendarSwitch(page, FAMILY).click();
    await expect(announcement(page)).toContainText(`« ${FAMILY} » ne bloque plus rien.`);
    await expectNoBlock(page, parents, 'Réunion parents-profs');
    await expectBlock(page, yoga, 'Yoga');
  });

  await test.step('the log tells what each sync did', async () => {
    await page.getByRole('link', { name: 'Journal' }).click();
    const rounds = page.getByRole('main').getByRole('listitem');
    await expect(rounds.filter({ hasText: /\d+ événements ajoutés/ }).first()).toBeVisible();
    await expect(rounds.filter({ hasText: '1 modifié' })).toHaveCount(1);
    await expect(rounds.filter({ hasText: '1 supprimé' })).toHaveCount(1);
    await rounds.filter({ hasText: '1 modifié' }).getByRole('link').click();
    const moved = page.getByRole('main').getByRole('listitem').filter({ hasText: 'Dentiste' });
    await expect(moved.locator('del')).toContainText('15:00 – 16:00');
    await expect(moved.locator('ins')).toContainText('16:00 – 17:00');
  });

  await test.step('they disconnect, after reading what it does, and the blocks are gone', async () => {
    await page.goto('/settings/calendars');
    await page.getByRole('link', { name: `Déconnecter ${CAMILLE}` }).click();
    await expect(page.getByRole('heading', { name: `Déconnecter ${CAMILLE} ?` })).toBeVisible();
    await expect(page.getByText(/\d+ créneaux bloqués par ce compte se libèrent aussitôt/)).toBeVisible();
    await page.getByRole('link', { name: 'Rester connecté' }).click();
    await expect(card(page, CAMILLE).getByText('Connecté', { exact: true })).toBeVisible();
    await page.getByRole('link', { name: `Déconnecter ${CAMILLE}` }).click();
    await page.getByRole('button', { name: 'Déconnecter' }).click();
    await expect(announcement(page)).toContainText(`${CAMILLE} est déconnecté. Ses créneaux sont libérés.`);
    await untilShown(page, page.getByRole('heading', { name: 'Aucun calendrier connecté' }));
    for (const day of [yoga, holiday[0]!]) {
      await openWeek(page, day);
      await expect(dayOf(page, day)).toHaveCount(0);
      await expect(page.getByRole('heading', { name: 'Votre agenda attend vos calendriers' })).toBeVisible();
    }
  });
});

test('disconnecting withdraws the authorization at Google', async ({ page, simulator }) => {
  await enter(page);
  await connect(page);
  expect((await simulator.grants()).map((it) => it.account)).toEqual([CAMILLE]);
  await page.getByRole('link', { name: `Déconnecter ${CAMILLE}` }).click();
  await page.getByRole('button', { name: 'Déconnecter' }).click();
  await expect.poll(() => simulator.grants()).toEqual([]);
});
