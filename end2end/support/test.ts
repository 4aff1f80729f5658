import { test as base, expect } from '@playwright/test';

import { complaints } from './pages.ts';
import { Product } from './product.ts';
import { Simulator } from './simulator.ts';

interface Fixtures {
  /** A product of this test's own, running; pages' addresses are relative to it. */
  product: Product;
  /** The simulators that belong to it. */
  simulator: Simulator;
  /** Takes a picture of the page, for `cargo xtask screenshots` into the documentation. */
  takePicture: (name: string) => Promise<void>;
}

export const test = base.extend<Fixtures>({
  product: async ({}, use, testInfo) => {
    const product = await Product.create(testInfo.parallelIndex);
    try {
      await product.start();
      await use(product);
      const failed = testInfo.status !== testInfo.expectedStatus;
      if (failed) await testInfo.attach('product', { body: product.output, contentType: 'text/plain' });
      expect(product.output, 'the product panicked').not.toContain('panicked at');
    } finally {
      await product.destroy();
    }
  },

  simulator: async ({ product }, use) => use(new Simulator(product.simulatorUrl)),

  baseURL: async ({ product }, use) => use(product.url),

  context: async ({ context }, use) => {
    const found = complaints(context);
    await use(context);
    expect(found, 'the browser complained').toEqual([]);
  },

  takePicture: async ({ page }, use, testInfo) => {
    const directory = process.env.SIMONE_SCREENSHOTS;
    await use(async (name) => {
      const path = directory ? `${directory}/${name}.png` : testInfo.outputPath(`${name}.png`);
      await page.screenshot({ path, animations: 'disabled' });
    });
  },
});

export { expect };
export {
  expectAccessible,
  expectAccessibleLightAndDark,
  expectFits,
  expectUsableWithoutScript,
} from './pages.ts';
