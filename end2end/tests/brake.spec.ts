import { type Page } from '@playwright/test';

import { plus, today } from '../support/days.ts';
import { announcement, card, connect, enter, expectBlock, openWeek } from '../support/story.ts';
import { expect, test } from '../support/test.ts';
import { type Simulator } from '../support/simulator.ts';

const ANA = 'ana@gmail.test';
const MASSAGES = 45;

/** An account with that many single events, one a day from tomorrow on, and one that always stays. */
async function addBusyAccount(simulator: Simulator): Promise<void> {
  const at = (day: string, hour: number) => ({ dateTime: `${day}T${hour}:00:00`, timeZone: 'Europe/Paris' });
  const events = Array.from({ length: MASSAGES }, (_, index) => {
    const day = plus(today(), index + 1);
    return { summary: `Séance ${index + 1}`, start: at(day, 10), end: at(day, 11) };
  });
  await simulator.addAccount({ email: ANA, name: 'Ana', zone: 'Europe/Paris', events });
}

const heldNote = (page: Page, count: number) =>
  page.getByText(`${count} créneaux ont disparu d’un coup de « Calendrier principal ».`);

async function pressSync(page: Page): Promise<void> {
  await page.goto('/settings/calendars');
  await page.getByRole('button', { name: `Synchroniser ${ANA}` }).click();
  await expect(announcement(page)).toContainText('Synchronisé');
}

test.beforeEach(async ({ page, simulator }) => {
  await addBusyAccount(simulator);
  await enter(page);
  await connect(page, ANA);
  await expectBlock(page, plus(today(), 1), 'Séance 1', '10:00 – 11:00');
});

test.describe('most events of a calendar are deleted', () => {
  test.beforeEach(async ({ page, simulator }) => {
    const lost = (await simulator.events(ANA)).filter((it) => Number(it.summary?.replace('Séance ', '')) > 5);
    expect(lost).toHaveLength(40);
    await simulator.edit(...lost.map(({ id }) => ({ do: 'delete_event', account: ANA, event: id })));
    await pressSync(page);
    await expect(heldNote(page, 40)).toBeVisible();
  });

  test('slots that disappeared at once stay blocked until the provider agrees', async ({ page }) => {
    await expect(card(page, ANA)).toContainText('Est-ce bien vous ?');
    await expectBlock(page, plus(today(), 30), 'Séance 30', '10:00 – 11:00');
    // The agenda says so, too, and leads to the answer.
    await page.getByRole('link', { name: 'Décider' }).click();
    await expect(page).toHaveURL(/\/settings\/calendars#/);
    await page.getByRole('button', { name: 'Oui, les débloquer' }).click();
    await expect(announcement(page)).toContainText('C’est noté : les créneaux disparus sont libérés.');
    await expect(page.getByText('ont disparu d’un coup')).toHaveCount(0);
    await openWeek(page, plus(today(), 30));
    await expect(page.getByRole('main').getByRole('listitem')).toHaveCount(0);
    await expectBlock(page, plus(today(), 5), 'Séance 5');
  });

  test('slots that the provider keeps can be removed one by one', async ({ page }) => {
    await page.getByRole('button', { name: 'Non, les garder' }).click();
    await expect(announcement(page)).toContainText('C’est noté : ces créneaux restent bloqués.');
    await expect(page.getByText('ont disparu d’un coup')).toHaveCount(0);
    await expectBlock(page, plus(today(), 30), 'Séance 30', '10:00 – 11:00');
    await expectBlock(page, plus(today(), 31), 'Séance 31');
    await openWeek(page, plus(today(), 30));
    await expect(page.getByRole('heading', { name: 'Créneaux gardés à votre demande' })).toBeVisible();
    await page.getByRole('button', { name: /^Retirer Séance 30,/ }).click();
    await expect(announcement(page)).toContainText('Le créneau est libéré.');
    await expect(page.getByRole('button', { name: /^Retirer Séance 30,/ })).toHaveCount(0);
    await expect(page.getByText('Séance 30')).toHaveCount(0);
    await openWeek(page, plus(today(), 31));
    await expect(page.getByRole('button', { name: /^Retirer Séance 31,/ })).toBeVisible();
    // Another round does not bring it back, nor take the others.
    await pressSync(page);
    await openWeek(page, plus(today(), 30));
    await expect(page.getByText('Séance 30')).toHaveCount(0);
    await expectBlock(page, plus(today(), 31), 'Séance 31');
  });
});

test('an empty answer of Google takes nothing away, and a full one settles it', async ({ page, simulator }) => {
  await simulator.setFaults({ kind: 'empty_listing', path: '/calendar/v3/calendars/*', times: null });
  await simulator.expireSyncTokens(ANA);
  await pressSync(page);
  await expect(heldNote(page, MASSAGES)).toBeVisible();
  await expectBlock(page, plus(today(), 30), 'Séance 30');
  await simulator.clearFaults();
  await simulator.expireSyncTokens(ANA);
  await pressSync(page);
  await expect(page.getByText('ont disparu d’un coup')).toHaveCount(0);
  await expectBlock(page, plus(today(), 30), 'Séance 30');
});
