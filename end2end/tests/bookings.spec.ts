// Appointments as their provider sees them.

import { next, Weekday } from '../support/days.ts';
import { announcement, connect, enter, untilShown } from '../support/story.ts';
import { expect, expectAccessibleLightAndDark, expectFits, expectUsableWithoutScript, test } from '../support/test.ts';

test.slow();

test('a provider makes, moves and cancels an appointment @plain', async ({ page }) => {
  await enter(page);
  await connect(page);
  const day = next(Weekday.Monday);
  await page.goto('/settings/services');
  if ((await page.getByRole('link', { name: /^Modifier/ }).count()) === 0) {
    await page.getByRole('link', { name: 'Ajouter une prestation' }).click();
    await page.getByLabel('Nom').fill('Massage 60min');
    await page.getByRole('button', { name: 'Enregistrer' }).click();
  }
  await page.goto('/agenda');
  await page.getByRole('link', { name: 'Nouveau rendez-vous' }).click();
  await expectFits(page);
  await expectUsableWithoutScript(page);
  await expectAccessibleLightAndDark(page);
  await page.getByLabel('Date').fill(day);
  await page.getByLabel('Heure', { exact: true }).fill('07:00');
  await page.getByLabel('Nom du client').fill('Marie Dupont');
  await page.getByLabel('E-mail', { exact: true }).fill('marie@exemple.fr');
  await page.getByLabel('Téléphone').fill('06 12 34 56 78');
  await page.getByLabel('Adresse').fill('3 rue Haute\n69001 Lyon');
  await page.getByRole('button', { name: 'Prendre le rendez-vous' }).click();
  await expect(announcement(page)).toContainText('Le rendez-vous est pris');
  await untilShown(page, page.getByText('Exporté', { exact: true }));
  await expectFits(page);
  await expectAccessibleLightAndDark(page);

  await page.getByRole('link', { name: 'Déplacer' }).click();
  await page.getByLabel('Heure', { exact: true }).fill('21:30');
  await expectAccessibleLightAndDark(page);
  await page.getByRole('button', { name: 'Déplacer', exact: true }).click();
  await expect(announcement(page)).toContainText('Le rendez-vous est déplacé');
  await expect(page.getByText(/Déplacé par vous/)).toBeVisible();

  await page.goto(`/agenda?week=${day}`);
  await expect(page.getByRole('link', { name: /Marie D\./ })).toBeVisible();
  await expectFits(page);
  await expectAccessibleLightAndDark(page);
  await page.getByRole('link', { name: /Marie D\./ }).click();
  await page.getByRole('link', { name: 'Annuler le rendez-vous' }).click();
  await page.getByRole('button', { name: 'Annuler le rendez-vous' }).click();
  await expect(announcement(page)).toContainText('Le rendez-vous est annulé');
  await page.goto(`/agenda?week=${day}`);
  await expect(page.getByRole('link', { name: /Marie D\./ })).toHaveCount(0);
});
