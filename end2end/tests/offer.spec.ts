// What a provider offers, and when: services, hours, time blocked by hand.

import { next, Weekday } from '../support/days.ts';
import { announcement, enter } from '../support/story.ts';
import { expect, expectAccessibleLightAndDark, expectFits, expectUsableWithoutScript, test } from '../support/test.ts';

// Each page twice under axe takes its time on a small machine.
test.slow();

test('a service is offered, and a mistake keeps what was typed @plain', async ({ page }) => {
  await enter(page);
  await page.goto('/settings/services');
  await page.getByRole('link', { name: 'Ajouter une prestation' }).click();
  await page.getByLabel('Nom').fill('Massage des pieds');
  await page.getByLabel('Prix, en euros').fill('beaucoup');
  await page.getByRole('button', { name: 'Enregistrer' }).click();
  await expect(page.getByRole('alert')).toContainText('Indiquez un prix');
  await expect(page.getByLabel('Nom')).toHaveValue('Massage des pieds');
  await page.getByLabel('Prix, en euros').fill('45');
  await page.getByRole('button', { name: 'Enregistrer' }).click();
  await expect(announcement(page)).toContainText('« Massage des pieds » peut être réservé.');
  await expect(page.getByLabel('Adresse à copier')).toHaveValue(/\/book\//);
  await page.getByRole('link', { name: 'Modifier Massage des pieds' }).click();
  await page.getByRole('link', { name: 'Ne plus proposer' }).click();
  await page.getByRole('button', { name: 'Ne plus proposer' }).click();
  await expect(announcement(page)).toContainText('n’est plus proposé');
});

test('time is blocked by hand, and freed @plain', async ({ page }) => {
  await enter(page);
  const day = next(Weekday.Thursday);
  await page.goto(`/agenda?week=${day}`);
  await page.getByRole('link', { name: 'Bloquer un moment' }).click();
  await page.getByLabel('Pourquoi').fill('Déjeuner');
  await page.getByLabel('Du', { exact: true }).fill(day);
  await page.getByLabel('à partir de').fill('12:00');
  await page.getByLabel('jusqu’à').fill('14:00');
  await page.getByLabel('Se répète').selectOption('Chaque semaine');
  await page.getByRole('button', { name: 'Bloquer ce moment' }).click();
  await expect(announcement(page)).toContainText('C’est bloqué');
  await page.goto(`/agenda?week=${day}`);
  await page.getByRole('link', { name: 'Déjeuner' }).first().click();
  await expect(page.getByText('Vous avez bloqué ce moment à la main.')).toBeVisible();
  await expectAccessibleLightAndDark(page);
  await page.getByRole('button', { name: 'Retirer toutes les répétitions' }).click();
  await expect(announcement(page)).toContainText('Le blocage est retiré');
  await expect(page.getByRole('link', { name: 'Déjeuner' })).toHaveCount(0);
});

test('the pages of what is offered fit and are accessible @plain', async ({ page }) => {
  await enter(page);
  for (const address of ['/settings/services', '/settings/services/new', '/settings/hours', '/agenda/unavailable/new']) {
    await page.goto(address);
    await expect(page.getByRole('heading', { level: 1 })).toHaveCount(1);
    await expectFits(page);
    await expectUsableWithoutScript(page);
    await expectAccessibleLightAndDark(page);
  }
});
