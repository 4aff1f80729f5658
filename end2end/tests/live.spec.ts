import { type Page } from '@playwright/test';

import { next, Weekday } from '../support/days.ts';
import { type Simulator } from '../support/simulator.ts';
import { authorize, blocks, CAMILLE, card, connect, enter, openWeek, sync, untilShown } from '../support/story.ts';
import { expect, expectAccessibleLightAndDark, expectFits, test } from '../support/test.ts';

const thursday = next(Weekday.Thursday);

/** The same document is still there: nothing was loaded anew. */
async function mark(page: Page): Promise<() => Promise<void>> {
  await page.evaluate(() => Object.assign(window, { mark: true }));
  return async () => expect(await page.evaluate(() => 'mark' in window), 'the page was not reloaded').toBe(true);
}

const hint = (page: Page) => page.locator('[data-live-hint]').filter({ hasText: /^Hors ligne\s: données de \d+:\d\d$/ });
const voice = (page: Page) => page.locator('[data-live-voice]');

/** What another device of the same person does. */
async function elsewhere(page: Page, act: (other: Page) => Promise<void>): Promise<void> {
  const other = await page.context().newPage();
  await act(other);
  await other.close();
}

async function moveDentist(page: Page, simulator: Simulator, minutes: number): Promise<void> {
  const event = await simulator.event(CAMILLE, 'Dentiste');
  await simulator.edit({ do: 'move_event', account: CAMILLE, event, by_minutes: minutes });
  await elsewhere(page, (other) => sync(other));
}

/** Adds something to the part that shows the week, as if the server had written it there. */
async function withInTheWeek(page: Page, html: string): Promise<void> {
  await page.route('**/agenda*', async (route) => {
    const response = await route.fetch();
    const body = (await response.text()).replace(/(<div[^>]* data-live="week"[^>]*>)/, `$1${html}`);
    await route.fulfill({ response, body });
  });
}

test('a change in the calendar appears on the open agenda', async ({ page, simulator }) => {
  await enter(page);
  await connect(page);
  await openWeek(page, thursday);
  await expect(blocks(page, thursday, 'Dentiste')).toContainText('15:00 – 16:00');
  const expectSame = await mark(page);
  const step = page.getByRole('link', { name: 'Semaine suivante' });
  await step.focus();
  await page.evaluate(() => scrollTo(0, 40));
  const scrolled = await page.evaluate(() => scrollY);

  await moveDentist(page, simulator, 60);
  await expect(blocks(page, thursday, 'Dentiste')).toContainText('16:00 – 17:00');
  await expect(voice(page)).toHaveText('Agenda mis à jour');
  await expect(step).toBeFocused();
  expect(await page.evaluate(() => scrollY)).toBe(scrolled);
  await expectSame();

  await simulator.edit({ do: 'delete_event', account: CAMILLE, event: await simulator.event(CAMILLE, 'Dentiste') });
  await elsewhere(page, (other) => sync(other));
  await expect(blocks(page, thursday, 'Dentiste')).toHaveCount(0);
  await expectSame();
  await expectAccessibleLightAndDark(page);
});

test('what is open, focused or being written stays', async ({ page, simulator }) => {
  await withInTheWeek(
    page,
    '<details><summary>Pourquoi ?</summary><p>Parce que.</p></details>' +
      '<form><label>Titre <input name="title"></label></form>',
  );
  await enter(page);
  await connect(page);
  await openWeek(page, thursday);
  const expectSame = await mark(page);
  const reason = page.getByText('Parce que.');
  await page.getByText('Pourquoi ?').click();
  await page.getByText('Pourquoi ?').focus();
  await moveDentist(page, simulator, 60);
  await expect(blocks(page, thursday, 'Dentiste')).toContainText('16:00 – 17:00');
  await expect(reason).toBeVisible();
  await expect(page.locator('summary')).toBeFocused();

  // A form in use holds its part back, and no other.
  const title = page.getByLabel('Titre');
  await title.pressSequentially('Mass');
  await simulator.revoke(CAMILLE);
  await elsewhere(page, async (other) => {
    await other.goto('/settings/calendars');
    await other.getByRole('button', { name: `Synchroniser ${CAMILLE}` }).click();
    await untilShown(other, card(other, CAMILLE).getByText('À reconnecter'));
  });
  await expect(page.getByRole('link', { name: /Alertes.*1 alerte non lue/ })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Reconnecter' })).toBeVisible();
  await expect(title).toBeFocused();
  await title.pressSequentially('age');
  await expect(title).toHaveValue('Massage');
  await expectSame();
});

test('a part that was held back follows once its form is left', async ({ page, simulator }) => {
  await withInTheWeek(page, '<form><label>Titre <input name="title"></label></form>');
  await enter(page);
  await connect(page);
  await openWeek(page, thursday);
  const title = page.getByLabel('Titre');
  await title.fill('Massage');
  await moveDentist(page, simulator, 60);
  await expect(page.getByText('à jour, à l’instant')).toBeVisible();
  await page.waitForTimeout(2_500);
  await expect(blocks(page, thursday, 'Dentiste')).toContainText('15:00 – 16:00');
  await title.fill('');
  await title.blur();
  await expect(blocks(page, thursday, 'Dentiste')).toContainText('16:00 – 17:00');
});

test('the switch that has the focus keeps it, and the settings follow', async ({ page, simulator }) => {
  await enter(page);
  await connect(page);
  const expectSame = await mark(page);
  const family = page.getByRole('switch', { name: 'Bloquer les créneaux de « Famille »' });
  await family.focus();
  await simulator.edit({ do: 'add_calendar', account: CAMILLE, summary: 'Club', id: 'club@x', zone: 'Europe/Paris', role: 'owner' });
  await elsewhere(page, async (other) => {
    await other.goto('/settings/account/zone?zone=Europe/Lisbon');
    await other.getByRole('button', { name: 'Passer à l’heure de Lisbonne' }).click();
  });
  await elsewhere(page, async (other) => {
    await other.goto('/settings/calendars');
    await other.getByRole('switch', { name: 'Bloquer les créneaux de « Famille »' }).click();
    await expect(other.getByRole('switch', { name: 'Bloquer les créneaux de « Famille »' })).toBeChecked();
  });
  await expect(family).toBeChecked();
  await expect(family).toBeFocused();
  await expectSame();
});

test('the product goes away and comes back', async ({ page, product, simulator }) => {
  test.setTimeout(90_000);
  await enter(page);
  await connect(page);
  await openWeek(page, thursday);
  const expectSame = await mark(page);
  expect(await product.stop(), 'a stop does not wait for open pages').toBe(0);
  await expect(hint(page)).toBeVisible({ timeout: 15_000 });
  await expectAccessibleLightAndDark(page);
  await expectFits(page);
  await product.start();
  await expect(hint(page)).toBeHidden({ timeout: 20_000 });
  await moveDentist(page, simulator, 60);
  await expect(blocks(page, thursday, 'Dentiste')).toContainText('16:00 – 17:00');
  await expectSame();
});

test('offline, and online again', async ({ page, context }) => {
  await enter(page);
  await connect(page);
  await page.goto('/agenda');
  const expectSame = await mark(page);
  await expect(hint(page)).toBeHidden();
  await context.setOffline(true);
  await expect(hint(page)).toBeVisible();
  await expect(voice(page)).toHaveText(/^Hors ligne/);
  await expectAccessibleLightAndDark(page);
  await expectFits(page);
  await context.setOffline(false);
  await expect(hint(page)).toBeHidden();
  await expectSame();
});

test('a first import shows how far it is', async ({ page, simulator }) => {
  test.setTimeout(90_000);
  await simulator.setFaults([
    { kind: 'small_pages', size: 1, times: null },
    { kind: 'slow', ms: 1_500, path: '/calendar/v3/calendars/*/events', times: null },
  ]);
  await enter(page);
  await page.goto('/settings/calendars');
  await authorize(page, CAMILLE);
  const expectSame = await mark(page);
  await expect(page.getByText(/\d+ lus jusqu’ici \(\d+ pages?\)\.$/)).toBeVisible();
  await expect(page.getByRole('link', { name: 'Rafraîchir' })).toBeHidden();
  await expect(card(page, CAMILLE).getByText('Import en cours', { exact: true })).toBeVisible();
  await elsewhere(page, async (other) => {
    await other.goto('/agenda');
    await expect(other.getByText('Des créneaux peuvent encore manquer.')).toBeVisible();
  });
  await expectAccessibleLightAndDark(page);
  await simulator.clearFaults();
  await expect(card(page, CAMILLE).getByText('Connecté', { exact: true })).toBeVisible({ timeout: 30_000 });
  await expectSame();
});

test('nothing is listened to while nobody looks', async ({ page }) => {
  await enter(page);
  // What the page after logging in still asks for is not counted.
  await page.goto('about:blank');
  const live: string[] = [];
  const pages: string[] = [];
  page.on('request', (request) => {
    if (request.url().includes('/live?')) live.push(request.url());
    if (request.headers()['simone-refresh']) pages.push(request.url());
  });
  const look = (hidden: boolean) =>
    page.evaluate((hidden) => {
      Object.defineProperty(document, 'hidden', { configurable: true, value: hidden });
      document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
  const closed = page.waitForEvent('requestfailed', (request) => request.url().includes('/live?'));
  await page.goto('/agenda');
  await expect.poll(() => live.length).toBe(1);
  await page.waitForTimeout(300);
  await look(true);
  await closed;
  await page.waitForTimeout(1_500);
  expect([live.length, pages.length]).toEqual([1, 0]);
  await look(false);
  await expect.poll(() => [live.length, pages.length]).toEqual([2, 1]);
  await page.waitForTimeout(1_500);
  expect([live.length, pages.length]).toEqual([2, 1]);
});

test('leaving Simone on one device closes its pages on the others of that session', async ({ page }) => {
  await enter(page);
  await page.goto('/agenda');
  await elsewhere(page, async (other) => {
    await other.goto('/settings/account');
    await other.getByRole('button', { name: 'Quitter Simone' }).click();
    await expect(other).toHaveURL(/\/login/);
  });
  await expect(page).toHaveURL(/\/login\?next=%2Fagenda$/);
});

test.describe('without a script', () => {
  test('a first import can be followed @plain', async ({ page, simulator, javaScriptEnabled }) => {
    await simulator.setFaults([
      { kind: 'small_pages', size: 2, times: null },
      { kind: 'slow', ms: 900, path: '/calendar/v3/calendars/*/events', times: null },
    ]);
    await enter(page);
    await page.goto('/settings/calendars');
    await authorize(page, CAMILLE);
    const refresh = page.getByRole('link', { name: 'Rafraîchir' });
    if (javaScriptEnabled) {
      await expect(refresh).toBeHidden();
      return;
    }
    await expect(async () => {
      await refresh.click();
      await expect(page.getByText('lus jusqu’ici')).toBeVisible({ timeout: 500 });
    }).toPass();
    await page.goto('/agenda');
    await expect(refresh).toBeVisible();
    await expect(page.getByText('Des créneaux peuvent encore manquer.')).toBeVisible();
  });
});
