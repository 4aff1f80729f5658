// Why a slot is blocked, why another is not, and what each sync did.

import { type Page } from '@playwright/test';

import { next, plus, today, Weekday } from '../support/days.ts';
import { announcement, blocks, CAMILLE, card, connect, consent, enter, openWeek, sync, untilShown } from '../support/story.ts';
import { expect, expectAccessibleLightAndDark, expectFits, expectUsableWithoutScript, test } from '../support/test.ts';

/** The page that is open is as good as any. */
async function expectGood(page: Page, withScript: boolean): Promise<void> {
  await expect(page.getByRole('heading', { level: 1 })).toHaveCount(1);
  await expectFits(page);
  await expectUsableWithoutScript(page);
  // Axe is a script itself.
  if (withScript) await expectAccessibleLightAndDark(page);
}

test.slow();

test('each block says why, each free event too, and the log from what to what @plain', async ({ page, product, simulator, javaScriptEnabled }) => {
  const good = () => expectGood(page, javaScriptEnabled !== false);
  const yoga = next(Weekday.Tuesday);
  const dentist = next(Weekday.Thursday);
  await enter(page);
  await connect(page);

  await test.step('from a block to the rule that made it', async () => {
    await openWeek(page, yoga);
    await blocks(page, yoga, 'Yoga').getByRole('link').click();
    const main = page.getByRole('main');
    await expect(page.getByRole('heading', { level: 1, name: /^Pourquoi mardi .* 18:00 est bloqué$/ })).toBeVisible();
    await expect(main.getByRole('heading', { name: 'Yoga', exact: true })).toBeVisible();
    await expect(main).toContainText('L’événement est marqué « occupé ».');
    await expect(main).toContainText('C’est une des fois d’un événement qui se répète.');
    await expect(main).toContainText(CAMILLE);
    await expect(main).toContainText('marquez l’événement « Disponible »');
    const outside = main.getByRole('link', { name: /^Ouvrir dans Google Calendar/ });
    await expect(outside).toHaveAttribute('target', '_blank');
    await expect(outside).toHaveAttribute('rel', 'noopener noreferrer');
    await expect(outside).toHaveAttribute('href', new RegExp(`^(https://|${product.simulatorUrl}/)`));
    await good();
    await page.getByRole('link', { name: '‹ Agenda' }).click();
    await expect(blocks(page, yoga, 'Yoga')).toBeVisible();
  });

  await test.step('what a whole day and a safe side mean', async () => {
    const fair = plus(today(), 2);
    await simulator.edit({
      do: 'add_event',
      account: CAMILLE,
      event: { summary: 'Salon', start: { date: fair }, end: { date: plus(fair, 2) } },
    });
    await sync(page);
    await openWeek(page, fair);
    await blocks(page, fair, 'Salon').getByRole('link').click();
    await expect(page.getByRole('main')).toContainText('de minuit à minuit, à l’heure de Paris');
    await good();
  });

  await test.step('from a calendar to all that is to come in it', async () => {
    await page.goto('/settings/calendars');
    await card(page, CAMILLE).getByRole('link', { name: /Événements à venir/ }).first().click();
    const events = page.getByRole('main').getByRole('listitem');
    await expect(events.filter({ hasText: 'Dentiste' })).toContainText('Bloque');
    await expect(events.filter({ hasText: 'Dentiste' })).toContainText('Marqué occupé');
    await good();
    await page.getByRole('navigation', { name: 'Ce qui est montré' }).getByRole('link', { name: 'Ne bloque pas' }).click();
    await expect(events.filter({ hasText: 'Courses' })).toContainText('Marqué disponible');
    await expect(events.filter({ hasText: 'Maison' })).toContainText('Lieu de travail');
    await expect(events.filter({ hasText: 'Anniversaire de Léa' })).toContainText('Anniversaire');
    await expect(events.filter({ hasText: 'Dentiste' })).toHaveCount(0);
    await good();
  });

  await test.step('the log tells what was moved, from when to when', async () => {
    const id = await simulator.event(CAMILLE, 'Dentiste');
    await simulator.edit({ do: 'move_event', account: CAMILLE, event: id, by_minutes: 90 });
    await sync(page);
    await page.getByRole('link', { name: 'Journal' }).click();
    await good();
    await page.getByRole('main').getByRole('link', { name: /1 modifié/ }).click();
    const moved = page.getByRole('main').getByRole('listitem').filter({ hasText: 'Dentiste' });
    await expect(moved).toContainText('Modifié');
    await expect(moved.locator('del')).toContainText('15:00 – 16:00');
    await expect(moved.locator('ins')).toContainText('16:30 – 17:30');
    await expect(page.getByText('Requêtes', { exact: true })).toBeHidden();
    await page.getByText('Détails techniques').click();
    await expect(page.getByText('Requêtes', { exact: true })).toBeVisible();
    await good();
    await openWeek(page, dentist);
    await expect(blocks(page, dentist, 'Dentiste')).toContainText('16:30');
  });
});

test('a failed sync says what it means, and offers what can be done', async ({ page, simulator }) => {
  await enter(page);
  await connect(page);
  await simulator.revoke(CAMILLE);
  await page.getByRole('button', { name: `Synchroniser ${CAMILLE}` }).click();
  await untilShown(page, card(page, CAMILLE).getByText('À reconnecter'));
  await page.getByRole('link', { name: 'Journal' }).click();
  const failed = page.getByRole('main').getByRole('listitem').first();
  await expect(failed).toContainText('demande une nouvelle autorisation');
  await expect(failed.getByRole('button', { name: 'Reconnecter' })).toBeVisible();
  await expectGood(page, true);
  await failed.getByRole('link').click();
  await expectGood(page, true);
  // Also from a block that is still there.
  const yoga = next(Weekday.Tuesday);
  await openWeek(page, yoga);
  await blocks(page, yoga, 'Yoga').getByRole('link').click();
  await expect(page.getByText('Ce que vous avez changé depuis n’est pas encore arrivé.')).toBeVisible();
  await expectGood(page, true);
  await page.getByRole('button', { name: 'Reconnecter' }).click();
  // The account is known, so that there is nothing to choose.
  await consent(page);
  await expect(announcement(page)).toContainText('est reconnecté');
  await page.goto('/sync-log');
  await page.getByRole('main').getByRole('link', { name: /demande une nouvelle autorisation/ }).click();
  await untilShown(page, page.getByText('C’est réglé'));
});
