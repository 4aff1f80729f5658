import { randomUUID } from 'node:crypto';

import { type Page } from '@playwright/test';

import { plus, today } from '../support/days.ts';
import { announcement, blocks, calendarSwitch, card, connect, dayOf, enter, openWeek, untilShown } from '../support/story.ts';
import { expect, expectAccessible, expectFits, test } from '../support/test.ts';

const MALLORY = 'mallory@gmail.test';
const NAMES = [
  '<img src=x onerror=alert(1)>',
  '"><script>alert(2)</script>',
  `' onmouseover='alert(3)`,
  '</title></section><h1>Vous êtes déconnecté</h1>',
  '\u202Eretourné et \u2066isolé',
  'Interminable'.repeat(60),
  '{{ count }} {% raw %} ${7*7} %s',
  '👩🏽‍⚕️ Ҋ\u0301\u0302\u0303',
];

/** So much of a name is surely kept and shown: not the marks that would reorder what stands around it. */
const shown = (name: string) => name.replace(/[\u202a-\u202e\u2066-\u2069]/g, '').slice(0, 100);

test('hostile names are shown as what they are', async ({ page, simulator }) => {
  // A dozen pages under axe.
  test.slow();
  const dialogs: string[] = [];
  page.on('dialog', (dialog) => {
    dialogs.push(dialog.message());
    return dialog.dismiss();
  });
  const day = plus(today(), 1);
  const at = (hour: number) => ({ dateTime: `${day}T${String(hour).padStart(2, '0')}:00:00`, timeZone: 'Europe/Paris' });
  const timed = NAMES.map((summary, index) => ({ summary, start: at(8 + index), end: at(9 + index) }));
  const wholeDay = { summary: NAMES[0], start: { date: day }, end: { date: plus(day, 1) } };
  const calendars = NAMES.map((summary, index) => ({ summary, id: `c${index}@x`, role: 'owner', zone: 'UTC', events: [] }));
  await simulator.addAccount({ email: MALLORY, name: '<b>M</b>', zone: 'Europe/Paris', events: [...timed, wholeDay], calendars });

  const expectHarmless = async () => {
    expect(await page.locator('img, main script, main h1 ~ h1').count()).toBe(0);
    await expect(page.getByRole('heading', { level: 1 })).toHaveCount(1);
    await expect(page.getByText('Vous êtes déconnecté', { exact: true })).toHaveCount(0);
    await expectFits(page);
    await expectAccessible(page);
    expect(dialogs).toEqual([]);
  };

  await enter(page);
  await connect(page, MALLORY);
  const list = card(page, MALLORY).getByRole('list', { name: `Calendriers de ${MALLORY}` });
  for (const name of NAMES) await expect(list.getByText(shown(name))).toBeVisible();
  await expectHarmless();
  for (const name of NAMES.slice(0, 2)) {
    await calendarSwitch(page, name).click();
    await expect(announcement(page)).toContainText(`« ${name} » bloque vos créneaux.`);
    await expectHarmless();
  }
  await untilShown(page, card(page, MALLORY).getByText('Connecté', { exact: true }));

  await openWeek(page, day);
  for (const name of NAMES) await expect(blocks(page, day, shown(name)).first()).toBeVisible();
  await expect(dayOf(page, day).getByRole('listitem')).toHaveCount(NAMES.length + 1);
  await expectHarmless();

  await page.goto('/settings/calendars');
  await page.getByRole('link', { name: `Détails de ${MALLORY}` }).click();
  await expectHarmless();
  await page.getByRole('link', { name: /Événements à venir/ }).first().click();
  for (const name of NAMES) await expect(page.getByRole('main').getByText(shown(name)).first()).toBeVisible();
  await expectHarmless();
  await page.goto('/sync-log');
  await expectHarmless();
  await page.getByRole('main').getByRole('link', { name: /événements ajoutés/ }).last().click();
  await expect(page.getByRole('heading', { name: /^Synchronisation de/ })).toBeVisible();
  await expectHarmless();
  await openWeek(page, day);
  for (const name of [NAMES[1]!, NAMES[4]!]) {
    await openWeek(page, day);
    await blocks(page, day, shown(name)).first().getByRole('link').click();
    await expect(page.getByRole('heading', { level: 1, name: /^Pourquoi/ })).toBeVisible();
    await expectHarmless();
  }
  await page.goto('/settings/account/zone?zone=Asia/Tokyo');
  await expectHarmless();
});

test.describe('what is not theirs', () => {
  test('addresses with another’s ids lead to a page that says so', async ({ page }) => {
    await enter(page);
    const id = randomUUID();
    for (const address of [
      `/settings/calendars/${id}`,
      `/settings/calendars/${id}/disconnect`,
      '/settings/calendars/1',
      '/settings/calendars/%3Cscript%3E',
      '/sync-log?connection=%27%20OR%201=1',
      '/agenda/nothing',
      `/agenda/${id}`,
      `/settings/calendars/${id}/${id}`,
      `/sync-log/${id}`,
      '/actions/nothing',
      '/%00',
    ]) {
      const response = await page.goto(address);
      expect(response?.status(), address).toBe(404);
      await expect(page.getByRole('heading', { level: 1 }), address).toHaveText('Cette page n’existe pas');
      await expect(page.getByRole('link', { name: 'Aller à l’agenda' }), address).toBeVisible();
    }
    // A log that is not theirs is as empty as one that is not there.
    await page.goto(`/sync-log?connection=${id}`);
    await expect(page.getByRole('heading', { name: /^(Rien encore|Cette page n’existe pas)$/ })).toBeVisible();
  });

  test('buttons that carry another’s ids change nothing', async ({ page }) => {
    await enter(page);
    await connect(page);
    const swap = (name: string) =>
      page.locator(`input[name="${name}"]`).evaluateAll(
        (all, id) => all.forEach((it) => it.setAttribute('value', id)),
        randomUUID(),
      );
    await swap('connection');
    await page.getByRole('button', { name: /^Synchroniser/ }).click();
    await expect(announcement(page)).toContainText('Cela n’existe plus, ou n’est pas à vous. Rien n’a changé.');
    await swap('calendar');
    await page.getByRole('switch').first().click();
    await expect(announcement(page)).toContainText('Cela n’existe plus, ou n’est pas à vous.');
    await page.getByRole('link', { name: /^Déconnecter/ }).click();
    await swap('connection');
    await page.getByRole('button', { name: 'Déconnecter' }).click();
    await expect(announcement(page)).toContainText('Cela n’existe plus, ou n’est pas à vous.');
    await expect(page.getByText('Connecté', { exact: true })).toBeVisible();
  });

  test('without a session nothing is shown and nothing done', async ({ page }) => {
    for (const address of ['/agenda', '/settings/calendars', '/settings/account', '/sync-log', '/notifications']) {
      await page.goto(address);
      await expect(page, address).toHaveURL(/\/login/);
    }
    const answer = await page.request.post('/actions/sync', { form: { connection: randomUUID() }, maxRedirects: 0 });
    expect([303, 302, 401, 403]).toContain(answer.status());
  });
});

test.describe('requests that make no sense', () => {
  const isPage = async (page: Page, address: string) => {
    const response = await page.goto(address);
    expect(response?.status(), address).toBeLessThan(500);
    await expect(page.getByRole('heading', { level: 1 }), address).toBeVisible();
    await expect(page.getByText('Simone a un problème'), address).toHaveCount(0);
  };

  test('parameters out of place', async ({ page }) => {
    await enter(page);
    await connect(page);
    for (const week of ['garbage', '', '2026-13-45', '0000-01-01', '-9999-01-01', '%2B262143-12-31', '9999-12-31', '%00', '2026-01-01&week=x']) {
      await isPage(page, `/agenda?week=${week}`);
      await expect(page.getByRole('link', { name: 'Semaine suivante' }), week).toBeVisible();
    }
    for (const number of ['-1', '0', 'abc', '2', '99999999999999999999', '4294967295', '1.5']) {
      await isPage(page, `/sync-log?page=${number}`);
      await expect(page.getByRole('heading', { name: 'Journal de synchronisation' }), number).toBeVisible();
    }
    for (const zone of ['', '?zone=', '?zone=Mars/Olympus', '?zone=%00', `?zone=${'x'.repeat(5_000)}`, '?zone=../../etc/passwd']) {
      await isPage(page, `/settings/account/zone${zone}`);
      await expect(page.getByRole('heading', { name: 'Ce fuseau horaire n’existe pas' }), zone).toBeVisible();
    }
  });

  test('a way on after logging in never leads elsewhere', async ({ page, product }) => {
    for (const elsewhere of ['https://evil.test/', '//evil.test', '/\\evil.test', '/%09/evil.test', 'javascript:alert(1)']) {
      await page.goto(`/login?next=${encodeURIComponent(elsewhere)}`);
      await page.getByRole('button', { name: 'Entrer comme Camille Moreau' }).click();
      await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
      expect(new URL(page.url()).origin, elsewhere).toBe(new URL(product.url).origin);
      await page.context().clearCookies();
    }
    await page.goto('/login?next=/settings/calendars');
    await page.getByRole('button', { name: 'Entrer comme Camille Moreau' }).click();
    await expect(page).toHaveURL(/\/settings\/calendars$/);
  });

  test('forms from elsewhere, too large or broken', async ({ page }) => {
    await enter(page);
    await connect(page);
    const post = (path: string, headers: Record<string, string>, data: string) =>
      page.request.post(path, {
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
        data,
        maxRedirects: 0,
      });
    const id = (await page.locator('input[name="connection"]').first().getAttribute('value'))!;
    const foreign = await post('/actions/disconnect', { origin: 'https://evil.test', 'sec-fetch-site': 'cross-site' }, `connection=${id}`);
    expect(foreign.status()).toBe(403);
    expect(await foreign.text()).toContain('Cette demande vient d’ailleurs');
    const large = await post('/actions/disconnect', {}, `connection=${'x'.repeat(100_000)}`);
    expect(large.status()).toBe(413);
    expect(await large.text()).toContain('C’est trop long');
    for (const data of ['', 'connection=', 'connection=1', 'connection=%00', '%%%', `connection=${id.slice(0, -1)}`]) {
      const broken = await post('/actions/disconnect', {}, data);
      expect([400, 422, 303], data).toContain(broken.status());
    }
    const json = await post('/actions/disconnect', { 'content-type': 'application/json' }, '{"connection":');
    expect(json.status()).toBeLessThan(500);
    const got = await page.request.get('/connect/google', { maxRedirects: 0 });
    expect([404, 405]).toContain(got.status());
    await page.goto('/settings/calendars');
    await expect(page.getByText('Connecté', { exact: true })).toBeVisible();
  });

  test('every answer carries the headers that protect it', async ({ page }) => {
    for (const address of ['/login', '/no/such/page', '/agenda']) {
      const headers = (await page.goto(address))?.headers() ?? {};
      const policy = headers['content-security-policy'] ?? '';
      expect(policy, address).toMatch(/default-src 'none'|default-src 'self'/);
      expect(policy, address).not.toContain('unsafe');
      expect(policy, address).toContain("frame-ancestors 'none'");
      expect(headers['referrer-policy'], address).toBe('same-origin');
      expect(headers['x-content-type-options'], address).toBe('nosniff');
    }
  });
});
