import { next, Weekday } from '../support/days.ts';
import {
  announcement,
  calendarSwitch,
  CAMILLE,
  card,
  connect,
  consent,
  enter,
  expectBlock,
  expectNoBlock,
  FAMILY,
  sync,
  untilShown,
} from '../support/story.ts';
import { expect, test } from '../support/test.ts';

test('an authorization that ended at Google is renewed by one click, and nothing is lost', async ({ page, simulator }) => {
  const dentist = next(Weekday.Thursday);
  const parents = next(Weekday.Monday);
  const account = card(page, CAMILLE);
  const notices = page.getByRole('navigation', { name: 'Principal' }).getByRole('link', { name: /^Alertes/ });

  await enter(page);
  await connect(page);
  await calendarSwitch(page, FAMILY).click();
  await untilShown(page, account.getByText('Connecté', { exact: true }));
  await expectBlock(page, dentist, 'Dentiste');
  await expectBlock(page, parents, 'Réunion parents-profs');

  await test.step('the grant ends at Google, and the provider is told', async () => {
    await simulator.revoke(CAMILLE);
    const [moved] = [await simulator.event(CAMILLE, 'Dentiste')];
    await simulator.edit({ do: 'move_event', account: CAMILLE, event: moved, by_minutes: -60 });
    await page.goto('/settings/calendars');
    await page.getByRole('button', { name: `Synchroniser ${CAMILLE}` }).click();
    await untilShown(page, account.getByText('À reconnecter'));
    await expect(account).toContainText('Google Calendar demande une nouvelle autorisation.');
    await expect(account).toContainText('vos choix sont gardés');
    await expect(notices).toHaveAccessibleName(/1 alerte non lue/);
  });

  await test.step('their blocks stay, and the agenda says so', async () => {
    await expectBlock(page, dentist, 'Dentiste', '15:00 – 16:00');
    await expect(page.getByText('Google demande une nouvelle autorisation')
      .or(page.getByText('Google Calendar demande une nouvelle autorisation'))).toBeVisible();
    await expect(page.getByRole('main').getByRole('button', { name: 'Reconnecter' })).toBeVisible();
    await expectBlock(page, parents, 'Réunion parents-profs');
  });

  await test.step('they read it among the notices', async () => {
    await notices.click();
    const notice = page.getByRole('main').getByRole('listitem').filter({ hasText: CAMILLE });
    await expect(notice).toContainText('Google Calendar demande une nouvelle autorisation');
    await expect(notice).toContainText('Nouveau');
    await page.getByRole('button', { name: 'Tout marquer comme lu' }).click();
    await expect(announcement(page)).toContainText('Tout est lu.');
    await expect(notices).toHaveAccessibleName('Alertes');
  });

  await test.step('and in an e-mail, once, that names no event', async () => {
    const mails = page.getByRole('article').filter({ hasText: 'camille@simone.test' });
    await expect(async () => {
      await page.goto('/demo/mail');
      await expect(mails).toHaveCount(1, { timeout: 500 });
    }).toPass({ timeout: 20_000 });
    await expect(mails).toContainText(/nouvelle autorisation|reconnect/i);
    await expect(mails).not.toContainText('Dentiste');
  });

  await test.step('one click reconnects the same account and keeps what was chosen', async () => {
    await page.goto('/settings/calendars');
    await account.getByRole('button', { name: 'Reconnecter' }).click();
    // Google knows which account it is about and asks for no choice.
    await expect(page.getByText(CAMILLE)).toBeVisible();
    await consent(page);
    await expect(announcement(page)).toContainText('Google Calendar est reconnecté. Vos choix sont gardés');
    await untilShown(page, account.getByText('Connecté', { exact: true }));
    await expect(calendarSwitch(page, FAMILY)).toBeChecked();
    await expect(page.getByRole('heading', { name: 'Google Calendar', level: 2 })).toHaveCount(1);
  });

  await test.step('what changed meanwhile has arrived, and the notice is settled', async () => {
    await sync(page);
    await expectBlock(page, dentist, 'Dentiste', '14:00 – 15:00');
    await expectBlock(page, parents, 'Réunion parents-profs');
    await expectNoBlock(page, next(Weekday.Wednesday), 'Courses');
    await notices.click();
    await expect(page.getByRole('main').getByRole('listitem').filter({ hasText: CAMILLE })).toContainText('Réglé');
  });
});

test('an outage of Google flags nobody’s account', async ({ page, simulator }) => {
  await enter(page);
  await connect(page);
  await simulator.setFaults({ kind: 'status', status: 503, path: '/calendar/v3/*', times: null });
  await page.getByRole('button', { name: `Synchroniser ${CAMILLE}` }).click();
  await expect(page).toHaveURL(/\/settings\/calendars$/);
  const account = card(page, CAMILLE);
  await expect(async () => {
    await page.reload();
    await expect(account).toContainText(/n’a pas répondu correctement|demande d’attendre/, { timeout: 500 });
  }).toPass({ timeout: 30_000 });
  await expect(account.getByText('À reconnecter')).toHaveCount(0);
  await expect(account.getByText('Connecté', { exact: true })).toBeVisible();
  await expectBlock(page, next(Weekday.Thursday), 'Dentiste');
  await simulator.clearFaults();
  await sync(page);
  await expect(account).not.toContainText('n’a pas répondu');
});
