import { defineConfig } from '@playwright/test';

const desktop = { viewport: { width: 1280, height: 900 } };
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

export default defineConfig({
  testDir: 'tests',
  outputDir: 'test-results/files',
  forbidOnly: Boolean(process.env.CI),
  fullyParallel: true,
  // A test that passes at the second attempt has found something.
  retries: 0,
  // Each test has its own product beside its browser: two are as much as a small machine carries.
  workers: 2,
  timeout: 45_000,
  expect: { timeout: 10_000 },
  reporter: [['list'], ['json', { outputFile: 'test-results/report.json' }]],
  use: {
    locale: 'fr-FR',
    timezoneId: 'Europe/Paris',
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env.SIMONE_CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  projects: [
    { name: 'phone', use: phone, testIgnore: ['**/screenshots.spec.ts', '**/keyboard.spec.ts'] },
    // What depends on the layout. The rest is the same page, and one run of it is enough.
    {
      name: 'desktop',
      use: desktop,
      testMatch: ['accessible', 'account', 'agenda', 'booking', 'conflicts', 'keyboard', 'live', 'operator', 'reasons', 'smoke', 'story'].map((name) => `**/${name}.spec.ts`),
    },
    // What is tagged @plain must work without JavaScript as well.
    {
      name: 'without-javascript',
      use: { ...phone, javaScriptEnabled: false },
      testIgnore: '**/screenshots.spec.ts',
      grep: /@plain/,
    },
    { name: 'screenshots', use: desktop, testMatch: '**/screenshots.spec.ts' },
  ],
});
