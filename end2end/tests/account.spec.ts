// What is one's own: devices, data, and the way out.

import { announcement, CAMILLE, connect, enter } from '../support/story.ts';
import { expect, expectAccessibleLightAndDark, expectFits, expectUsableWithoutScript, test } from '../support/test.ts';

// Each page twice under axe takes its time on a small machine.
test.slow();

test('another device is seen, and its session ended @plain', async ({ page, browser, baseURL }) => {
  await enter(page);
  const elsewhere = await browser.newContext({
    baseURL,
    userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605 Version/17.5 Mobile Safari/604.1',
  });
  const phone = await elsewhere.newPage();
  await enter(phone);
  await page.goto('/settings/account');
  await expect(page.getByText('Celui-ci')).toBeVisible();
  await page.getByRole('button', { name: /^Fermer la session de Safari sur iPhone/ }).click();
  await expect(announcement(page)).toContainText('La session est fermée.');
  await expect(page.getByText('Safari sur iPhone')).toHaveCount(0);
  await phone.goto('/agenda');
  await expect(phone).toHaveURL(/\/login/);
  await elsewhere.close();
});

test('everything about oneself is a file @plain', async ({ page }) => {
  await enter(page);
  await connect(page);
  const file = await page.request.get('/settings/account/export');
  expect(file.headers()['content-disposition']).toContain('attachment');
  const all = await file.json();
  expect(all.profile[0].name).toBe('Camille Moreau');
  expect(all.events.map((event: { title?: string }) => event.title)).toContain('Yoga');
  expect(await file.text()).not.toContain('token');
});

test('the account is erased once what will happen is confirmed @plain', async ({ page }) => {
  await enter(page);
  await connect(page);
  await page.goto('/settings/account');
  await page.getByRole('link', { name: 'Effacer mon compte' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Effacer votre compte ?');
  await expect(page.getByText(`${CAMILLE} est déconnecté`)).toBeVisible();
  await page.getByRole('button', { name: 'Effacer mon compte pour toujours' }).click();
  await expect(page.getByRole('status')).toContainText('Votre compte s’efface.');
  await page.goto('/agenda');
  await expect(page).toHaveURL(/\/login/);
  await expect(async () => {
    await page.goto('/demo/mail');
    await expect(page.getByText('Votre compte Simone est effacé')).toBeVisible({ timeout: 500 });
  }).toPass();
});

test('the pages are accessible', async ({ page }) => {
  await enter(page);
  for (const address of ['/settings/account', '/settings/account/erase', '/welcome', '/oversight', '/login?erased=1']) {
    await test.step(address, async () => {
      await page.goto(address);
      await expect(page.getByRole('heading', { level: 1 })).toHaveCount(1);
      await expectFits(page);
      await expectUsableWithoutScript(page);
      await expectAccessibleLightAndDark(page);
    });
  }
});
