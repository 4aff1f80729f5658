import { type Page } from '@playwright/test';

import { horizonEnd, monday, next, plus, today, Weekday } from '../support/days.ts';
import {
  calendarSwitch,
  CAMILLE,
  CAMILLE_PRO,
  card,
  connect,
  enter,
  FAMILY,
  sync,
  untilShown,
} from '../support/story.ts';
import { expect, expectAccessibleLightAndDark, expectFits, test } from '../support/test.ts';

/** The page that is open fits and is accessible, light and dark. */
async function expectGood(page: Page): Promise<void> {
  await expect(page.getByRole('heading', { level: 1 })).toHaveCount(1);
  await expectFits(page);
  await expectAccessibleLightAndDark(page);
}

async function expectAllGood(page: Page, addresses: string[]): Promise<void> {
  for (const address of addresses) {
    await test.step(address, async () => {
      await page.goto(address);
      await expectGood(page);
    });
  }
}

// Eight pages twice under axe take their time on a small machine.
test.slow();

test('before logging in', async ({ page }) => {
  await expectAllGood(page, ['/login', '/login?next=/settings/calendars', '/login?left=1', '/login/no-such-link', '/no/such/page']);
  await page.goto('/login');
  await page.getByLabel('Votre adresse e-mail').fill('camille');
  await page.getByRole('button', { name: 'Recevoir un lien' }).click();
  await expect(page.getByRole('alert')).toContainText('n’a pas la forme d’une adresse e-mail');
  await expect(page.getByLabel('Votre adresse e-mail'), 'what was typed is kept').toHaveValue('camille');
  await expectGood(page);
  await page.getByLabel('Votre adresse e-mail').fill('camille@simone.test');
  await page.getByRole('button', { name: 'Recevoir un lien' }).click();
  await expect(page.getByRole('heading', { name: 'Regardez vos e-mails' })).toBeVisible();
  await expectGood(page);
});

test('with nothing connected', async ({ page }) => {
  await enter(page);
  await expectAllGood(page, [
    '/agenda',
    '/settings/calendars',
    '/sync-log',
    '/notifications',
    '/settings/account',
    '/settings/account/zone?zone=America/Argentina/Buenos_Aires',
    '/settings/account/zone?zone=Mars/Olympus',
    '/settings/calendars/unknown',
  ]);
});

test('with calendars connected', async ({ page }) => {
  await enter(page);
  await connect(page);
  await connect(page, CAMILLE_PRO);
  await calendarSwitch(page, FAMILY).click();
  await expectGood(page);
  const details = await page.getByRole('link', { name: `Détails de ${CAMILLE}` }).getAttribute('href');
  await expectAllGood(page, [
    `/agenda?week=${next(Weekday.Thursday)}`,
    `/agenda?week=${plus(monday(today()), 14)}`,
    `/agenda?week=${horizonEnd()}`,
    '/settings/calendars',
    details!,
    `${details}/disconnect`,
    '/sync-log',
    `/sync-log?connection=${details!.split('/').pop()}`,
    '/settings/account/zone?zone=Asia/Tokyo',
  ]);
});

test('with what asks for an answer', async ({ page, simulator }) => {
  const ana = 'ana@gmail.test';
  const events = Array.from({ length: 30 }, (_, index) => {
    const at = (hour: number) => ({ dateTime: `${plus(today(), index + 1)}T${hour}:00:00`, timeZone: 'Europe/Paris' });
    return { summary: `Séance ${index + 1}`, start: at(10), end: at(11) };
  });
  await simulator.addAccount({ email: ana, name: 'Ana', zone: 'Europe/Paris', events });
  await enter(page);
  await connect(page, ana);
  await connect(page);
  const lost = await simulator.events(ana);
  await simulator.edit(...lost.map(({ id }) => ({ do: 'delete_event', account: ana, event: id })));
  await simulator.edit({ do: 'set_calendar_zone', account: CAMILLE, calendar: CAMILLE, zone: 'Europe/Athens' });
  await sync(page);
  await sync(page, ana);
  await simulator.revoke(CAMILLE);
  await page.getByRole('button', { name: `Synchroniser ${CAMILLE}` }).click();
  await untilShown(page, card(page, CAMILLE).getByText('À reconnecter'));
  await expect(page.getByText('30 créneaux ont disparu d’un coup')).toBeVisible();
  const details = await card(page, CAMILLE).getByRole('link', { name: /^Détails/ }).getAttribute('href');
  const week = `/agenda?week=${next(Weekday.Monday)}`;
  await expectAllGood(page, ['/settings/calendars', week, details!, '/notifications', '/sync-log']);

  await page.goto('/settings/calendars');
  await page.getByRole('button', { name: 'Non, les garder' }).click();
  await page.goto(week);
  await expect(page.getByRole('heading', { name: 'Créneaux gardés à votre demande' })).toBeVisible();
  await expectGood(page);
});
