// The client and the provider side by side: what is booked stands in the provider's Google Calendar, and follows.

import { book, chooseSlot } from '../support/client.ts';
import { CAMILLE, connect, enter, sync } from '../support/story.ts';
import { expect, test } from '../support/test.ts';

const TITLE = 'Réservation Simone - Massage 60min - Client: Marie D.';

test.slow();

test('what a client books stands in Google, moves and goes', async ({ page, browser, baseURL, simulator }) => {
  await enter(page);
  await connect(page);
  await sync(page);

  const theirs = await browser.newContext({ locale: 'fr-FR', timezoneId: 'Europe/Paris', baseURL: baseURL ?? '' });
  const client = await theirs.newPage();
  const time = await book(client);

  // In seconds the provider's own calendar shows it, with what they need on the way there.
  const google = await theirs.newPage();
  const card = google.locator('li, tr, article').filter({ hasText: TITLE }).last();
  await expect(async () => {
    await google.goto(`${simulator.url}/?account=${CAMILLE}`);
    await expect(google.getByText(TITLE).first()).toBeVisible({ timeout: 1_000 });
  }).toPass();
  for (const words of ['12 rue des Lilas, 75011 Paris', '06 12 34 56 78', '3e étage, <b>code</b> 12A', time]) {
    await expect(google.locator('body')).toContainText(words);
  }
  expect(await card.count()).toBeGreaterThan(0);
  expect(await google.locator('b', { hasText: /^code$/ }).count(), 'what a client wrote is text').toBe(0);

  // The provider sees it in their agenda too, and that it is in Google.
  const found = async () => (await simulator.events(CAMILLE)).filter((event) => event.summary === TITLE);
  const [event] = await found();
  expect(await found()).toHaveLength(1);

  await client.getByRole('link', { name: 'Déplacer' }).click();
  await chooseSlot(client, 'first');
  await client.getByRole('button', { name: 'Déplacer à ce moment' }).click();
  await expect(client.getByRole('status').first()).toContainText('Le rendez-vous est déplacé.');
  const starts = async () => (await found()).map((it) => (it as unknown as { start: { dateTime: string } }).start.dateTime);
  const before = (event as unknown as { start: { dateTime: string } }).start.dateTime;
  await expect.poll(async () => (await starts())[0]).not.toBe(before);
  expect((await found()).map((it) => it.id)).toEqual([event?.id]);
  await sync(page);
  await page.goto('/conflicts');
  await expect(page.getByRole('main')).not.toContainText('Massage 60min');

  await client.getByRole('link', { name: 'Annuler' }).click();
  await client.getByRole('button', { name: 'Annuler le rendez-vous' }).click();
  await expect(client.getByText('Annulé', { exact: true })).toBeVisible();
  await expect.poll(async () => (await found()).filter((it) => (it as unknown as { status: string }).status !== 'cancelled')).toEqual([]);
  await theirs.close();
});
