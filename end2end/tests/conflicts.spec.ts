// What the provider does in their calendar to the event of a booking, and what they then decide.

import type { Page } from '@playwright/test';

import { announcement, CAMILLE, connect, enter, sync } from '../support/story.ts';
import { expect, expectAccessibleLightAndDark, expectFits, expectUsableWithoutScript, test } from '../support/test.ts';

const AUTHORIZATION = { authorization: 'Bearer demo' };
const EVENT = 'Réservation Simone - Massage 60min - Client: Marie D.';

interface Slot {
  start: string;
  end: string;
}

/** Marie books the provider's massage, in nine days or later: when. */
async function book(page: Page): Promise<Slot> {
  const get = async (path: string) => {
    const answer = await page.request.get(`/api/v1/${path}`, { headers: AUTHORIZATION });
    const text = await answer.text();
    expect(answer.ok(), text).toBe(true);
    return (JSON.parse(text) as { items: Record<string, string>[] }).items;
  };
  const provider = (await get('providers'))[0]?.id ?? '';
  const services = await get(`providers/${provider}/services`);
  const service = services.find((it) => it.name === 'Massage 60min')?.id ?? '';
  const day = (ahead: number) => new Date(Date.now() + ahead * 86_400_000).toISOString().replace(/\.\d+Z$/, 'Z');
  const slots = await get(`providers/${provider}/availability?service=${service}&from=${day(9)}&to=${day(22)}`);
  const slot = slots[0];
  expect(slot).toBeDefined();
  const client = {
    name: 'Marie Dubois', email: 'marie@exemple.test', phone: '06 12 34 56 78', address: '12 rue des Lilas, 75011 Paris',
    instructions: '', locale: 'fr', time_zone: 'Europe/Paris',
  };
  const data = { provider_id: provider, service_id: service, start: slot?.start, client };
  const made = await page.request.post('/api/v1/bookings', { headers: AUTHORIZATION, data });
  expect(made.status(), await made.text()).toBe(201);
  return { start: slot?.start ?? '', end: slot?.end ?? '' };
}

/** The page that is open is as good as any. */
async function expectGood(page: Page, withScript: boolean): Promise<void> {
  await expect(page.getByRole('heading', { level: 1 })).toHaveCount(1);
  await expectFits(page);
  await expectUsableWithoutScript(page);
  // Axe is a script itself.
  if (withScript) await expectAccessibleLightAndDark(page);
}

test.slow();

test('an event of ours that is moved or deleted is the provider’s to decide @plain', async ({ page, simulator, javaScriptEnabled }) => {
  const good = () => expectGood(page, javaScriptEnabled !== false);
  const nav = page.getByRole('navigation', { name: 'Principal' }).getByRole('link', { name: /^Conflits/ });
  const main = page.getByRole('main');
  const openTheConflict = async (title: RegExp) => {
    await sync(page);
    await page.goto('/conflicts');
    await expect(nav).toContainText('1 conflit à voir');
    await good();
    await main.getByRole('link', { name: title }).first().click();
    await expect(page.getByRole('heading', { level: 1, name: title })).toBeVisible();
    await good();
  };
  const event = async () => {
    let id = '';
    await expect(async () => {
      id = await simulator.event(CAMILLE, EVENT);
    }).toPass();
    return id;
  };
  await enter(page);
  await connect(page);
  await page.goto('/conflicts');
  await expect(main).toContainText('Aucun conflit');
  await good();
  await book(page);

  await test.step('moved: the booking follows', async () => {
    await simulator.edit({ do: 'move_event', account: CAMILLE, event: await event(), by_minutes: 20 });
    await openTheConflict(/l’événement a changé d’heure$/);
    await expect(main).toContainText('Marie D. reçoit un e-mail avec le nouvel horaire.');
    await main.getByRole('button', { name: 'Déplacer la réservation' }).click();
    await expect(announcement(page)).toContainText('La réservation suit l’événement.');
    await expect(main).toContainText('Vous avez déplacé la réservation');
    await good();
    await expect(nav).not.toContainText('conflit à voir');
  });

  await test.step('deleted: another event takes its place', async () => {
    await simulator.edit({ do: 'delete_event', account: CAMILLE, event: await event() });
    await openTheConflict(/l’événement a été supprimé$/);
    await main.getByRole('button', { name: 'Remettre l’événement' }).click();
    await expect(announcement(page)).toContainText('L’événement retrouve sa place');
    await event();
  });
});

test('an overlap shows both sides and closes by itself', async ({ page, simulator }) => {
  await enter(page);
  await connect(page);
  const slot = await book(page);
  await simulator.edit({
    do: 'add_event',
    account: CAMILLE,
    event: { summary: 'Déjeuner', start: { dateTime: slot.start }, end: { dateTime: slot.end } },
  });
  await sync(page);
  await page.goto('/conflicts');
  const main = page.getByRole('main');
  await main.getByRole('link', { name: /est pris deux fois$/ }).click();
  for (const words of ['Réservation Simone', 'Massage 60min', 'Marie D.', 'Déjeuner', 'Ce que vous pouvez faire']) {
    await expect(main).toContainText(words);
  }
  await expectGood(page, true);
  // The page that is open follows.
  await simulator.edit({ do: 'delete_event', account: CAMILLE, event: await simulator.event(CAMILLE, 'Déjeuner') });
  await main.getByRole('button', { name: 'Synchroniser maintenant' }).click();
  await expect(main).toContainText('Ce conflit s’est réglé de lui-même');
});
