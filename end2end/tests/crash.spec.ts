import { monday, next, plus, today, Weekday } from '../support/days.ts';
import {
  authorize,
  calendarSwitch,
  CAMILLE,
  CAMILLE_PRO,
  card,
  connect,
  enter,
  expectBlock,
  FAMILY,
  openWeek,
  sync,
  untilShown,
} from '../support/story.ts';
import { expect, test } from '../support/test.ts';

const EVENTS = '/calendar/v3/calendars/*/events';
const holiday = plus(monday(today()), 14);
/** The round of a process that died is taken up again when its lease has ended. */
const TAKEN_UP_MS = 20_000;

test('a crash in the middle of a disconnection and of another account’s first import', async ({
  page,
  product,
  simulator,
}) => {
  test.setTimeout(TAKEN_UP_MS + 60_000);
  await enter(page);
  await connect(page, CAMILLE_PRO);
  await simulator.setFaults([
    { kind: 'slow', ms: 60_000, path: '/revoke' },
    { kind: 'slow', ms: 8_000, path: EVENTS, account: CAMILLE, times: null },
  ]);
  await page.getByRole('link', { name: `Déconnecter ${CAMILLE_PRO}` }).click();
  await page.getByRole('button', { name: 'Déconnecter' }).click();
  await expect(page.getByText(`${CAMILLE_PRO} est déconnecté.`)).toBeVisible();
  await authorize(page, CAMILLE);
  await untilShown(page, card(page, CAMILLE).getByText('Import en cours', { exact: true }));
  await product.restart();

  await test.step('the wish to disconnect counts at once, whatever Google does', async () => {
    await openWeek(page, next(Weekday.Tuesday));
    await expect(page.getByText('Formation massage suédois')).toHaveCount(0);
  });

  await test.step('and both are brought to their end', async () => {
    await page.goto('/settings/calendars');
    await untilShown(page, card(page, CAMILLE).getByText('Connecté', { exact: true }), TAKEN_UP_MS);
    await untilShown(page, page.getByRole('button', { name: `Synchroniser ${CAMILLE}` }));
    await expect(async () => {
      expect((await simulator.grants()).map((it) => it.account)).toEqual([CAMILLE]);
    }).toPass({ timeout: TAKEN_UP_MS });
    await page.reload();
    await expect(page.getByRole('heading', { name: 'Google Calendar', level: 2 })).toHaveCount(1);
  });

  await expectBlock(page, next(Weekday.Tuesday), 'Yoga', '18:00 – 19:00');
  await expectBlock(page, next(Weekday.Thursday), 'Dentiste', '15:00 – 16:00');
  await openWeek(page, holiday);
  await expect(page.getByRole('main').getByRole('listitem').filter({ hasText: 'Vacances' })).toHaveCount(5);
});

test('crashes between rounds, and right after a choice', async ({ page, product, simulator }) => {
  const dentist = next(Weekday.Thursday);
  await enter(page);
  await connect(page);
  await simulator.edit({
    do: 'move_event',
    account: CAMILLE,
    event: await simulator.event(CAMILLE, 'Dentiste'),
    by_minutes: 60,
  });
  await product.restart();
  await expectBlock(page, dentist, 'Dentiste', '15:00 – 16:00');
  await sync(page);
  await expectBlock(page, dentist, 'Dentiste', '16:00 – 17:00');
  await page.goto('/settings/calendars');
  await calendarSwitch(page, FAMILY).click();
  await expect(calendarSwitch(page, FAMILY)).toBeChecked();
  await product.restart();
  await page.goto('/settings/calendars');
  await expect(calendarSwitch(page, FAMILY)).toBeChecked();
  await expectBlock(page, next(Weekday.Monday), 'Réunion parents-profs');
});
