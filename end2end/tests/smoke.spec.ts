import { expect, expectFits, expectUsableWithoutScript, test } from '../support/test.ts';

test('the demo opens with a button to press for each side @plain', async ({ page }) => {
  const response = await page.goto('/login');
  expect(response?.status()).toBe(200);
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await expect(page.getByRole('button', { name: /Entrer comme Camille/ })).toBeVisible();
  await expect(page.getByRole('button', { name: /Entrer/ })).toHaveCount(2);
  await expectFits(page);
  await expectUsableWithoutScript(page);
});

test('the product comes back after a crash', async ({ page, product, simulator }) => {
  const before = await simulator.accounts();
  expect(before.length).toBeGreaterThan(0);
  await product.restart();
  await page.goto('/login');
  await expect(page.getByRole('button', { name: /Entrer comme Camille/ })).toBeVisible();
});
